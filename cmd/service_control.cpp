// What may be asked of a running service: its status, and changes without a stop.
#include <unistd.h>

#include <algorithm>

#include "cmd/service.h"
#include "core/log.h"

namespace edge {

namespace {

constexpr Milliseconds kLookForChanges{1'000};
constexpr Milliseconds kTryAgain{60'000};
constexpr Milliseconds kRenewDevelopment{24 * 3'600'000};  // certificates that are made here are renewed in time
constexpr Milliseconds kLookReopened{2};

}  // namespace

std::vector<std::string> Service::apps() {
  std::vector<std::string> names;
  for (const Apps::App& app : running_.apps.all()) names.push_back(app.pool->name());
  return names;
}

void Service::status(Answer<ServiceStatus> done) {
  struct Gathering {
    ServiceStatus status;
    std::size_t left = 0;
    Answer<ServiceStatus> done;
  };
  const auto gathering = std::make_shared<Gathering>();
  ServiceStatus& status = gathering->status;
  status.version = EDGE_VERSION;
  status.pid = ::getpid();
  status.file = snapshot().file;
  status.state = stop_begun_ ? "stopping" : accepting_ ? "serving" : "starting";
  status.started_at = started_at_;
  status.uptime = running_.main.now() - begun_;
  status.loops = static_cast<std::uint32_t>(running_.loops.size());
  status.connections = running_.connections.open;
  status.most_connections = running_.connections.most;
  status.bans = bans_.size();
  status.closed_unread = running_.guard.closed;
  status.refused_requests = running_.guard.refused;
  status.limits = running_.limits.status();
  status.limit_keys_forgotten = running_.limits.forgotten();
  status.upstreams = running_.keepers.status();
  const std::vector<Apps::App>& apps = running_.apps.all();
  status.apps.resize(apps.size());
  gathering->done = std::move(done);
  gathering->left = apps.size();
  if (apps.empty()) return gathering->done(std::move(status));
  for (std::size_t i = 0; i < apps.size(); ++i) {
    apps[i].pool->status([gathering, i](AppStatus app) {
      gathering->status.apps[i] = std::move(app);
      if (--gathering->left == 0) gathering->done(std::move(gathering->status));
    });
  }
}

void Service::reload(Answer<ReloadReport> done) {
  if (reloads_++ == 0 && accepting_) running_.inherited.manager.reloading();
  reload_.all([this, tell = std::move(done)](ReloadReport report) mutable {
    watch_files();
    reload_ended();
    tell(std::move(report));
  });
}

/// Successfully or not.
void Service::reload_ended() {
  if (--reloads_ == 0 && !stop_begun_) running_.inherited.manager.ready();
}

void Service::restart(const std::string& app, Answer<SwapResult> done) {
  reload_.one(app, [this, tell = std::move(done)](const ReloadReport& report) mutable {
    watch_files();
    SwapResult result;
    for (const std::string& problem : report.problems) result.error += problem + '\n';
    if (report.problems.empty() && report.apps.empty()) result.error = "the site file does not name this app any more";
    if (!report.apps.empty()) {
      result = {report.apps[0].outcome == "reloaded", report.apps[0].generation, report.apps[0].error};
    }
    tell(std::move(result));
  });
}

void Service::rollback(const std::string& app, Answer<SwapResult> done) {
  running_.apps.pool(app).rollback(std::move(done));
}

/// What was logged before the signal goes to the old files, from every loop.
void Service::reopen(Answer<ReopenReport> done) {
  const auto left = std::make_shared<std::size_t>(running_.loops.size());
  const auto then = std::make_shared<Answer<ReopenReport>>(std::move(done));
  for (const auto& loop : running_.loops) {
    loop->flush_logs([this, left, then] {
      running_.main.post([this, left, then] {
        if (--*left > 0) return;
        running_.files.reopen();
        reopening_.push_back(std::move(*then));
        answer_reopened();
      });
    });
  }
}

/// The files have threads of their own, which outlive this service: they are asked, and call nobody.
void Service::answer_reopened() {
  const std::optional<std::vector<std::string>> errors = running_.files.reopened();
  if (!errors) return running_.main.arm(look_reopened_, kLookReopened);
  for (auto& answer : std::exchange(reopening_, {})) answer({.ok = errors->empty(), .errors = *errors});
}

void Service::reload_on_signal() {
  if (stop_begun_) return;
  log::info("SIGHUP: reloading");
  reload([](const ReloadReport& report) {
    log::write(report.ok ? LogLevel::info : LogLevel::error, "{}",
               report.ok ? "reloaded" : "the reload failed, what served before goes on");
  });
}

/// Of the configuration that is in force.
void Service::watch_certificates() {
  if (stop_begun_) return;
  const std::vector<std::string> files = certificate_files(*running_.snapshot, running_.upstreams);
  const bool makes_own = std::ranges::any_of(
      running_.snapshot->sites, [](const config::Site& site) { return site.tls && site.tls->self_signed; });
  if (!is_renewal_due_) running_.main.arm(renew_certificates_, makes_own ? kRenewDevelopment : Milliseconds(0));
  if (certificates_.patterns == files) return;
  certificates_.patterns = files;
  certificates_.watch.reset();
  if (files.empty()) return;
  const auto changed = [this](const std::string& what) {
    log::info("tls: {}", what);
    renew_certificates();
  };
  std::vector<std::string> patterns;
  for (const std::string& file : files) patterns.push_back(literal_pattern(file));
  const auto are_current = [this] {
    return running_.certificates->is_current() && have_current_files(running_.upstreams);
  };
  certificates_.watch = std::make_unique<PathWatch>(running_.main, patterns, kLookForChanges, changed, are_current);
}

void Service::renew_certificates() {
  reload_.certificates([this](const ReloadReport& report) {
    if (stop_begun_) return;
    if (report.ok) log::info("tls: certificates are up to date");
    is_renewal_due_ = !report.ok;
    if (is_renewal_due_) running_.main.arm(renew_certificates_, kTryAgain);
    watch_certificates();
  });
}

/// Of the configuration and the apps that serve now.
void Service::watch_files() {
  if (stop_begun_) return;
  watch_certificates();
  access_renewal_.watch();
  watch_apps();
}

/// A watch whose patterns are the same goes on: a new one would miss what happens until its first look.
void Service::watch_apps() {
  std::erase_if(watched_, [this](const auto& watched) { return !running_.apps.find(watched.first); });
  for (const Apps::App& app : running_.apps.all()) {
    const std::string& name = app.pool->name();
    Watched& watched = watched_[name];
    if (watched.patterns == app.pool->app().reload_on) continue;
    watched.patterns = app.pool->app().reload_on;
    watched.watch.reset();
    if (watched.patterns.empty()) continue;
    const auto changed = [this, name](const std::string& what) {
      log::info("[{}] reload_on: {}", name, what);
      restart(name, [](const SwapResult&) {});
    };
    watched.watch = std::make_unique<PathWatch>(running_.main, watched.patterns, kLookForChanges, changed);
  }
}

}  // namespace edge
