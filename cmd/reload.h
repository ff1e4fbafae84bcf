// Reload: the site file is read again, and what has changed in it or in the apps takes effect, or nothing does.
//
// What can fail is made first, new apps included (cmd/changeover.h); then apps that have changed swap their
// generations, each for itself; then all loops turn to the new configuration.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cmd/changeover.h"
#include "cmd/control_target.h"
#include "cmd/running.h"
#include "config/load.h"
#include "core/task.h"

namespace edge {

/// Everything on the main loop, one reload after another.
class Reload {
 public:
  using Done = std::move_only_function<void(ReloadReport)>;

  /// `started_with` is what the process began with. `running` must outlive this.
  Reload(Running& running, config::Process started_with, config::Environment environment)
      : running_(running), started_with_(std::move(started_with)), environment_(std::move(environment)) {}

  /// Applies the file, and reloads every app whose settings or files have changed; when nothing at all has, every app:
  /// whoever asks for it has a reason that cannot be seen here. A file with problems changes nothing.
  void all(Done done) { add({}, std::move(done)); }
  /// Reads the certificates of the configuration that is in force again, and applies nothing else.
  void certificates(Done done) { add(kCertificates, std::move(done)); }
  /// Reloads one app whether it has changed or not, and applies nothing else.
  void one(const std::string& app, Done done) { add(app, std::move(done)); }

  /// Everything serves: what was asked for meanwhile begins.
  void open();
  /// None begins before open(); what is asked for waits. False: one is under way, or nothing serves yet, and nothing
  /// has changed.
  bool hold();
  /// Nothing new takes effect: no other reload begins, and the one under way is given up, but for swaps, which the
  /// apps' own stop ends.
  void stop();
  /// After stop(): `then` runs when nothing of it is on another thread, perhaps within the call. Once.
  void when_stopped(std::move_only_function<void()> then);

 private:
  static constexpr const char* kCertificates = "*";  // no name of an app
  enum class Phase : std::uint8_t { waiting, preparing, starting, swapping, committing };
  struct Job {
    std::string only;  // an app's name, kCertificates, or empty: all that has changed
    std::vector<Done> told;
    Phase phase = Phase::waiting;
    std::shared_ptr<const config::Snapshot> snapshot;
    std::unique_ptr<Changeover> change;  // until it is committed
    std::vector<std::string> sections;   // that differ
    std::size_t left = 0;                // apps whose answer is awaited
    ReloadReport report;
  };

  // Preparing: reload.cpp
  void add(std::string only, Done done);
  void begin();
  Task<void> prepare(Job& job);
  Task<void> renew(Job& job);
  Task<Result<void>> make_change(Job& job);
  bool stops_here(Job& job);
  void start_apps(Job& job);
  static void tell_broken(Job& job);
  void refuse(Job& job, const std::string& problem);
  void give_up(Job& job);
  void finish();

  // Applying: reload_apply.cpp
  void ask_apps(Job& job);
  void swap_apps(Job& job);
  void swap(Job& job, AppReload& entry, bool differs);
  void commit(Job& job);
  void report_change(Job& job, const Changeover::Done& done);

  Running& running_;
  config::Process started_with_;
  config::Environment environment_;
  std::deque<std::unique_ptr<Job>> jobs_;  // the first is under way, once this is open
  Task<void> task_;
  bool open_ = false;
  bool elsewhere_ = false;  // something is done on another thread
  bool stopped_ = false;
  std::move_only_function<void()> when_back_;
};

}  // namespace edge
