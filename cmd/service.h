// Service: the running edge: loops, apps, listeners, from the first socket to the last process.
//
// Start: listen -> apps -> ready. Stop: listeners -> connections -> apps -> logs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/access_renewal.h"
#include "cmd/bans.h"
#include "cmd/changeover.h"
#include "cmd/control_server.h"
#include "cmd/control_target.h"
#include "cmd/exit_code.h"
#include "cmd/inheritance.h"
#include "cmd/process_setup.h"
#include "cmd/reload.h"
#include "cmd/running.h"
#include "cmd/upgrade.h"
#include "config/load.h"
#include "core/log_files.h"
#include "core/net/alarm.h"
#include "core/net/path_watch.h"

namespace edge {

/// Made, run and destroyed on one thread, which becomes the main loop's.
class Service final : private ControlTarget {
 public:
  Service(std::shared_ptr<const config::Snapshot> snapshot, LogFiles& files, const std::string& self,
          const config::Environment& environment, Inheritance inherited);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  /// Returns an ExitCode when everything has ended.
  int run();

 private:
  // ControlTarget: service_control.cpp
  std::vector<std::string> apps() override;
  void status(Answer<ServiceStatus> done) override;
  void reload(Answer<ReloadReport> done) override;
  void restart(const std::string& app, Answer<SwapResult> done) override;
  void rollback(const std::string& app, Answer<SwapResult> done) override;
  void reopen(Answer<ReopenReport> done) override;
  void upgrade(Answer<UpgradeReport> done) override;  // service_upgrade.cpp
  void ban(const BanOrder& order, Answer<BanReport> done) override { bans_.ban(order, std::move(done)); }
  void unban(const AddressRange& range, Answer<BanReport> done) override { bans_.lift(range, std::move(done)); }
  void bans(Answer<BansReport> done) override { done(bans_.report()); }
  void stop() override { stop_asked("the command stop"); }
  void reload_ended();
  void reload_on_signal();
  void watch_files();
  void watch_apps();
  void watch_certificates();
  void renew_certificates();
  void answer_reopened();

  // service.cpp
  Result<void> build();
  void make_loops();
  Result<void> open_control();
  void apps_started(const AppPool* failed);
  void accept();

  // service_upgrade.cpp
  std::string cannot_upgrade() const;
  Offer offer() const;
  void upgraded(UpgradeReport report, const std::set<std::string>& taken, Answer<UpgradeReport> tell);
  Milliseconds time_to_leave() const;
  void leave_to(pid_t successor, std::set<std::string> taken);
  UniqueFd taken_over(const std::string& key);
  Result<void> write_pid_file();
  void take_place();
  void give_up(const Error& why);
  void upgrade_on_signal();

  // service_stop.cpp
  void stop_asked(const std::string& by);
  void settle(std::string_view key, Milliseconds limit);
  void drain();
  void stop_apps();
  void cut(const std::string& why);
  void kill(EdgeLoop& loop);
  void finish();

  const config::Snapshot& snapshot() const { return *running_.snapshot; }

  std::string self_;
  int status_ = kExitOk;
  RuntimeDir runtime_dir_;
  PidFile pid_file_;
  Running running_;
  std::unique_ptr<Changeover> first_;  // from nothing to what serves; until it does
  config::Environment environment_;
  Reload reload_;
  Bans bans_{running_};
  AccessRenewal access_renewal_{running_};
  Upgrade upgrade_{running_.main};
  std::set<std::string> left_;  // addresses (socket_key()) with which another process goes on
  std::unique_ptr<ControlServer> control_;
  struct Watched {
    std::vector<std::string> patterns;
    std::unique_ptr<PathWatch> watch;
  };
  std::map<std::string, Watched> watched_;  // reload_on, by app
  Watched certificates_;
  Alarm renew_certificates_{[this] { renew_certificates(); }};
  std::vector<Answer<ReopenReport>> reopening_;
  Alarm look_reopened_{[this] { answer_reopened(); }};
  Alarm stop_deadline_{[this] { cut(stop_limit_ + " has passed"); }};
  std::string stop_limit_;       // the setting and its value
  std::uint64_t begun_ = 0;      // Loop::now()
  std::int64_t started_at_ = 0;  // seconds since the epoch
  std::size_t reloads_ = 0;      // that were asked for and are not answered
  std::size_t draining_ = 0;     // loops with connections
  std::size_t killing_ = 0;      // loops that have not closed theirs yet
  std::size_t cut_off_ = 0;      // connections with requests, by those that have
  bool is_renewal_due_ = false;  // the last one of certificates has failed
  bool accepting_ = false;
  bool stop_begun_ = false;  // by whatever
  bool stop_asked_ = false;  // by a person: asked again, it is a cut
  bool finishing_ = false;
  bool cut_ = false;
};

}  // namespace edge
