// From the question to a configuration that is ready to take the place of the present one.
#include "cmd/reload.h"

#include <algorithm>
#include <utility>

#include "cmd/changed_settings.h"
#include "core/log.h"

namespace edge {

namespace {
constexpr const char* kStopping = "edge is stopping";
constexpr const char* kNotRenewed =
    "certificates could not be renewed: the old ones serve on; trying again in a minute";
}  // namespace

/// The same that waits already is done once.
void Reload::add(std::string only, Done done) {
  if (stopped_) {
    ReloadReport report;
    report.problems.emplace_back(kStopping);
    return running_.main.post(
        [tell = std::move(done), report = std::move(report)]() mutable { tell(std::move(report)); });
  }
  const auto waiting = std::ranges::find_if(
      jobs_, [&only](const auto& job) { return job->phase == Phase::waiting && job->only == only; });
  if (waiting != jobs_.end()) return (*waiting)->told.push_back(std::move(done));
  jobs_.push_back(std::make_unique<Job>());
  jobs_.back()->only = std::move(only);
  jobs_.back()->told.push_back(std::move(done));
  if (jobs_.size() == 1 && open_) begin();
}

void Reload::open() {
  open_ = true;
  if (!jobs_.empty()) begin();
}

bool Reload::hold() {
  if (!open_ || !jobs_.empty()) return false;
  open_ = false;
  return true;
}

void Reload::begin() {
  jobs_.front()->phase = Phase::preparing;
  Job& job = *jobs_.front();
  task_ = job.only == kCertificates ? renew(job) : prepare(job);
}

/// What is broken serves on as it was; a loop turns only to what is new.
Task<void> Reload::renew(Job& job) {
  job.snapshot = running_.snapshot;
  Result<void> made = co_await make_change(job);
  if (stops_here(job)) co_return;
  if (!made) co_return refuse(job, made.error().context);
  tell_broken(job);
  const bool is_broken = !job.report.problems.empty();
  const bool is_new = job.change->has_new_certificates();
  if (is_broken) log::error("these {}", kNotRenewed);
  if (is_broken && is_new) log::info("tls: the other certificates are up to date");
  if (is_broken && !is_new) {
    job.change->abandon();
    co_return finish();
  }
  job.change->make_keepers();
  commit(job);
}

Task<void> Reload::prepare(Job& job) {
  const auto load = [file = running_.snapshot->file, this] { return config::load(file, environment_); };
  elsewhere_ = true;
  auto loaded = co_await running_.main.offload(load);
  elsewhere_ = false;
  if (stops_here(job)) co_return;
  if (!loaded) {
    for (const config::Problem& problem : loaded.error()) {
      job.report.problems.push_back(problem.text());
      log::error("{}", problem.text());
    }
    log::error("the site file has problems: nothing was reloaded");
    co_return finish();
  }
  job.snapshot = *loaded;
  if (!job.only.empty()) co_return ask_apps(job);
  job.sections = changed_sections(*running_.snapshot, *job.snapshot);
  job.report.needs_restart = changed_for_restart(started_with_, job.snapshot->process);
  Result<void> made = co_await make_change(job);
  if (stops_here(job)) co_return;
  if (!made) co_return refuse(job, made.error().context);
  start_apps(job);
}

Task<Result<void>> Reload::make_change(Job& job) {
  job.change = std::make_unique<Changeover>(running_, job.snapshot, environment_);
  if (job.only == kCertificates) job.change->keep_what_breaks();
  Result<void> made = job.change->open_addresses();
  if (!made) co_return made;
  job.change->make_apps();
  const auto build = [&change = *job.change] {
    Result<void> opened = change.open_logs();
    return opened ? change.build() : opened;
  };
  elsewhere_ = true;
  Result<void> built = co_await running_.main.offload(build);
  elsewhere_ = false;
  co_return built;
}

/// After work on another thread.
bool Reload::stops_here(Job& job) {
  if (!stopped_) return false;
  give_up(job);
  if (when_back_) std::exchange(when_back_, nullptr)();
  return true;
}

void Reload::start_apps(Job& job) {
  job.phase = Phase::starting;
  job.change->start_apps([this, &job](const AppPool* failed) {
    if (!failed) return ask_apps(job);
    AppReload& entry = job.report.apps.emplace_back();
    entry.name = failed->name();
    entry.outcome = "failed";
    entry.because = "it is new in the site file";
    entry.error = failed->start_error();
    log::error("the new app {} cannot be started: nothing was reloaded", failed->name());
    job.report.nothing_changed = true;
    job.change->abandon();
    finish();
  });
}

/// What a renewal leaves as it was.
void Reload::tell_broken(Job& job) {
  job.report.problems = job.change->broken();
  for (const std::string& problem : job.report.problems) log::error("{}", problem);
}

void Reload::refuse(Job& job, const std::string& problem) {
  tell_broken(job);
  log::error("{}", problem);
  log::error("{}", job.only == kCertificates ? kNotRenewed
                                             : "what the site file asks for cannot be done: nothing was reloaded");
  job.report.problems.push_back(problem);
  job.change->abandon();
  finish();
}

void Reload::give_up(Job& job) {
  if (job.change) job.change->abandon();
  job.change.reset();
  job.report.problems.emplace_back(kStopping);
  if (job.phase < Phase::swapping) finish();
}

void Reload::stop() {
  if (std::exchange(stopped_, true) || elsewhere_ || jobs_.empty()) return;
  if (jobs_.front()->phase != Phase::committing) give_up(*jobs_.front());
}

void Reload::when_stopped(std::move_only_function<void()> then) {
  if (!elsewhere_) return then();
  when_back_ = std::move(then);
}

void Reload::finish() {
  const std::unique_ptr<Job> job = std::move(jobs_.front());
  jobs_.pop_front();
  ReloadReport& report = job->report;
  report.ok = report.problems.empty() && report.not_applied.empty() &&
              std::ranges::none_of(report.apps, [](const AppReload& app) { return app.outcome == "failed"; });
  if (report.problems.empty() && !report.nothing_changed) {
    for (const std::string& what : report.needs_restart) {
      log::warn("{} has changed in the site file: this needs a restart of edge, a reload does not apply it", what);
    }
  }
  for (Done& done : job->told) {
    running_.main.post([tell = std::move(done), report]() mutable { tell(std::move(report)); });
  }
  if (jobs_.empty()) return;
  running_.main.post([this] {
    if (jobs_.empty()) return;  // a stop came between
    stopped_ ? give_up(*jobs_.front()) : begin();
  });
}

}  // namespace edge
