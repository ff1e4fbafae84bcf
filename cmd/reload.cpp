// Reading the file, asking the apps what has changed, swapping those that have.
#include "cmd/reload.h"

#include <algorithm>

#include "core/log.h"

namespace edge {

namespace {

constexpr const char* kUnchanged = "unchanged";

const config::App* find_app(const config::Snapshot& snapshot, const std::string& name) {
  const auto at = std::ranges::find(snapshot.apps, name, &config::App::name);
  return at == snapshot.apps.end() ? nullptr : &*at;
}

bool same_socket(const config::App& a, const config::App& b) {
  return a.socket == b.socket && a.socket_mode == b.socket_mode;
}

}  // namespace

AppPool* Reload::pool(const std::string& name) const {
  const auto at = std::ranges::find_if(pools_, [&name](const auto& pool) { return pool->name() == name; });
  return at == pools_.end() ? nullptr : at->get();
}

/// The same that waits already is done once.
void Reload::add(std::string only, Done done) {
  if (stopped_) {
    ReloadReport report;
    report.problems.emplace_back("edge is stopping");
    return main_.post([tell = std::move(done), report = std::move(report)]() mutable { tell(std::move(report)); });
  }
  const auto waiting = std::find_if(jobs_.begin() + (jobs_.empty() ? 0 : 1), jobs_.end(),
                                    [&only](const auto& job) { return job->only == only; });
  if (waiting != jobs_.end()) return (*waiting)->told.push_back(std::move(done));
  jobs_.push_back(std::make_unique<Job>());
  jobs_.back()->only = std::move(only);
  jobs_.back()->told.push_back(std::move(done));
  if (jobs_.size() == 1) begin();
}

void Reload::begin() {
  reading_ = true;
  task_ = read_file(*jobs_.front());
}

Task<void> Reload::read_file(Job& job) {
  const auto load = [this] { return config::load(running_->file, environment_); };
  auto loaded = co_await main_.offload(load);
  reading_ = false;
  if (when_read_) {
    std::exchange(when_read_, nullptr)();
  } else if (!loaded) {
    for (const config::Problem& problem : loaded.error()) {
      job.report.problems.push_back(problem.text());
      log::error("{}", problem.text());
    }
    log::error("the site file has problems: nothing was reloaded");
    finish();
  } else {
    job.snapshot = *loaded;
    compare_rest(job);
    ask_apps(job);
  }
}

void Reload::stop(std::move_only_function<void()> then) {
  stopped_ = true;
  if (!reading_) return then();
  when_read_ = std::move(then);
}

/// What a new generation of an app does not bring into effect.
void Reload::compare_rest(Job& job) const {
  std::vector<std::string>& found = job.report.needs_restart;
  const auto& before = running_->sections;
  const auto& now = job.snapshot->sections;
  for (const auto& [name, text] : now) {
    const auto at = before.find(name);
    if (at == before.end() || at->second != text) found.push_back(name);
  }
  for (const auto& [name, text] : before) {
    if (!now.contains(name)) found.push_back(name);
  }
  for (const config::App& app : job.snapshot->apps) {
    const config::App* const started = find_app(*running_, app.name);
    if (!started)
      found.push_back("apps." + app.name + " (new)");
    else if (!same_socket(*started, app))
      found.push_back("apps." + app.name + ".socket");
  }
  for (const config::App& app : running_->apps) {
    if (!find_app(*job.snapshot, app.name)) found.push_back("apps." + app.name + " (removed)");
  }
}

void Reload::ask_apps(Job& job) {
  for (const config::App& app : job.snapshot->apps) {
    if (!pool(app.name) || (!job.only.empty() && job.only != app.name)) continue;
    AppReload& entry = job.report.apps.emplace_back();
    entry.name = app.name;
    entry.outcome = kUnchanged;
  }
  job.left = job.report.apps.size() + 1;
  const auto answered = [this, &job] {
    if (--job.left == 0) swap_apps(job);
  };
  for (std::size_t i = 0; i < job.report.apps.size(); ++i) {
    AppReload& entry = job.report.apps[i];
    AppPool& of = *pool(entry.name);
    if (!(of.app() == *find_app(*job.snapshot, entry.name))) {
      entry.because = "its settings have changed";
      answered();
    } else {
      of.ask_changed([&entry, answered](std::string what) {
        entry.because = std::move(what);
        answered();
      });
    }
  }
  answered();
}

void Reload::swap_apps(Job& job) {
  std::vector<AppReload>& apps = job.report.apps;
  const bool nothing = job.report.needs_restart.empty() &&
                       std::ranges::all_of(apps, [](const AppReload& app) { return app.because.empty(); });
  job.left = 1;
  for (AppReload& app : apps) {
    const bool differs = !app.because.empty();
    if (!differs && !job.only.empty()) app.because = "it was asked for";
    if (!differs && nothing && job.only.empty()) app.because = "nothing has changed, so every app is reloaded";
    if (app.because.empty()) continue;
    ++job.left;
    swap(job, app, differs);
  }
  if (--job.left == 0) finish();
}

void Reload::swap(Job& job, AppReload& entry, bool differs) {
  log::info("[{}] reloading: {}", entry.name, entry.because);
  pool(entry.name)
      ->reload(*find_app(*job.snapshot, entry.name), differs,
               [this, &job, &entry, began = main_.now()](SwapResult result) {
                 entry.outcome = result.ok ? "reloaded" : "failed";
                 entry.generation = result.generation;
                 entry.took = main_.now() - began;
                 entry.error = std::move(result.error);
                 if (--job.left == 0) finish();
               });
}

void Reload::finish() {
  const std::unique_ptr<Job> job = std::move(jobs_.front());
  jobs_.pop_front();
  ReloadReport& report = job->report;
  report.ok = report.problems.empty() &&
              std::ranges::none_of(report.apps, [](const AppReload& app) { return app.outcome == "failed"; });
  for (const std::string& what : report.needs_restart) {
    log::warn("{} has changed in the site file: this needs a restart of edge, a reload does not apply it", what);
  }
  if (!jobs_.empty()) main_.post([this] { begin(); });
  for (Done& done : job->told) {
    main_.post([tell = std::move(done), report]() mutable { tell(std::move(report)); });
  }
}

}  // namespace edge
