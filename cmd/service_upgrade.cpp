// Upgrading: another process takes the place of this one, which finishes what is under way.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "cmd/service.h"
#include "core/capabilities.h"
#include "core/log.h"

namespace edge {

namespace {

constexpr Milliseconds kBesideApps{10'000};  // for what a start takes besides its apps

std::string pid_file_key(const std::string& path) {
  return "pid:" + path;
}

}  // namespace

/// Why an upgrade cannot be tried; empty: it can.
std::string Service::cannot_upgrade() const {
  if (stop_begun_) return "edge is stopping";
  if (upgrade_.under_way()) return "an upgrade is under way already";
  if (::getpid() == 1) {
    return "edge is the first process of its container, which would end with it; start a new container instead";
  }
  if (may_change_user() && !programs_may_change_user()) {
    return "edge has changed from root to another user, and another program could not start the apps that have users "
           "of their own; stop edge and start it again";
  }
  return accepting_ ? "" : "edge is still starting";
}

void Service::upgrade(Answer<UpgradeReport> done) {
  std::string why = cannot_upgrade();
  if (why.empty() && !reload_.hold()) why = "edge is reloading; upgrade it when that is over";
  if (!why.empty()) {
    log::warn("no upgrade: {}", why);
    return done({.error = std::move(why)});
  }
  Milliseconds in_time = kBesideApps;
  for (const Apps::App& app : running_.apps.all()) {
    in_time = std::max(in_time, app.pool->app().start_timeout + kBesideApps);
  }
  const Inheritance& inherited = running_.inherited;
  Program program{.file = inherited.program,
                  .arguments = inherited.arguments,
                  .environment = inherited.environment,
                  .descriptors = {}};
  const Offer given = offer();
  auto ended = [this, parts = given.handover.parts, begun = running_.main.now(),
                tell = std::move(done)](Upgrade::Outcome outcome) mutable {
    if (outcome.successor == 0 && !stop_begun_) {
      log::error("the upgrade failed, this edge serves on: {}", outcome.error);
    }
    std::set<std::string> taken;
    for (const std::size_t index : outcome.taken) {
      if (index < parts.size()) taken.insert(parts[index].key);
    }
    upgraded({outcome.successor != 0, outcome.successor, outcome.said + outcome.error, running_.main.now() - begun},
             taken, std::move(tell));
  };
  upgrade_.begin(std::move(program), given, inherited.sockets, in_time, std::move(ended));
}

Offer Service::offer() const {
  Offer offer;
  const auto add = [&offer](const std::string& key, const std::vector<int>& descriptors) {
    offer.handover.parts.push_back({key, descriptors.size()});
    offer.descriptors.insert(offer.descriptors.end(), descriptors.begin(), descriptors.end());
  };
  for (const Addresses::Shared& shared : running_.addresses.to_share()) add(shared.key, shared.sockets);
  if (control_) add("unix:" + control_->path(), {control_->descriptor()});
  if (!pid_file_.path().empty()) add(pid_file_key(pid_file_.path()), {pid_file_.descriptor()});
  offer.handover.from = ::getpid();
  offer.handover.activated = static_cast<int>(running_.inherited.sockets.all().size());
  return offer;
}

void Service::upgraded(UpgradeReport report, const std::set<std::string>& taken, Answer<UpgradeReport> tell) {
  if (report.ok && stop_begun_) report = {.error = "edge is stopping"};
  tell(report);
  if (report.ok) leave_to(report.pid, taken);
  if (!stop_begun_) reload_.open();
  if (finishing_) finish();
}

/// The service goes on, so workers have the time that those have which are replaced.
Milliseconds Service::time_to_leave() const {
  Milliseconds time = snapshot().process.shutdown_timeout;
  for (const config::App& app : snapshot().apps) time = std::max(time, app.shutdown_timeout);
  return time;
}

/// What the successor has taken it goes on with; the backlog of the rest is served here to its end.
void Service::leave_to(pid_t successor, std::set<std::string> taken) {
  stop_begun_ = true;
  log::info("upgrade: pid {} serves now; this one, pid {}, ends when what is under way is answered, within {} s",
            successor, ::getpid(), std::chrono::duration_cast<std::chrono::seconds>(time_to_leave()).count());
  if (reloads_ > 0) running_.inherited.manager.ready();  // they waited, and come to nothing
  running_.inherited.manager.moved_to(successor);
  settle("shutdown_timeout", time_to_leave());
  bans_.leave();
  running_.addresses.leave(taken);
  if (taken.contains(pid_file_key(pid_file_.path()))) pid_file_.forget();
  if (control_ && taken.contains("unix:" + control_->path())) control_->leave();
  left_ = std::move(taken);
  drain();
}

/// Empty without an edge that is upgraded.
UniqueFd Service::taken_over(const std::string& key) {
  std::vector<UniqueFd> given = running_.inherited.predecessor.take(key);
  return given.empty() ? UniqueFd() : std::move(given.front());
}

Result<void> Service::write_pid_file() {
  const std::string& path = snapshot().process.pid_file;
  Result<PidFile> written = PidFile::write(path, taken_over(pid_file_key(path)));
  if (!written) return std::unexpected(written.error());
  pid_file_ = std::move(*written);
  return {};
}

/// The last step of a start that takes the place of another edge. Until here that one owns what both have.
void Service::take_place() {
  running_.addresses.own_files();
  if (control_) control_->begin();
  log::info("upgrade: pid {} takes the place of pid {}", ::getpid(), running_.inherited.predecessor.pid());
  running_.inherited.predecessor.ready();
}

/// At the last moment.
void Service::give_up(const Error& why) {
  log::error("{}", why.context);
  status_ = kExitFailed;
  stop_begun_ = true;
  stop_apps();
}

void Service::upgrade_on_signal() {
  log::info("SIGUSR2: upgrading");
  upgrade([](const UpgradeReport&) {});
}

}  // namespace edge
