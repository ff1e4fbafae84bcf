// Reload: the site file is read again, and the apps that have changed get a new generation.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "appserver/app_pool.h"
#include "cmd/control_target.h"
#include "config/load.h"
#include "core/net/loop.h"
#include "core/task.h"

namespace edge {

/// Everything on the main loop, one reload after another.
class Reload {
 public:
  using Done = std::move_only_function<void(ReloadReport)>;

  /// `running` is what the process was started with. The others must outlive it, and the apps must be stopped and
  /// reading() be false before its end.
  Reload(Loop& main, std::shared_ptr<const config::Snapshot> running, config::Environment environment,
         const std::vector<std::unique_ptr<AppPool>>& pools)
      : main_(main), running_(std::move(running)), environment_(std::move(environment)), pools_(pools) {}

  /// Reloads every app whose settings or files have changed; when nothing at all has, every app: whoever asks for it
  /// has a reason that cannot be seen here. A file with problems changes nothing.
  void all(Done done) { add({}, std::move(done)); }
  /// Reloads one app whether it has changed or not.
  void one(const std::string& app, Done done) { add(app, std::move(done)); }

  /// The file is being read on another thread.
  bool reading() const { return reading_; }
  /// `then` runs when it was read; what follows from it is given up. No other reload begins.
  void stop(std::move_only_function<void()> then);

 private:
  struct Job {
    std::string only;  // an app's name, or empty: all that have changed
    std::vector<Done> told;
    std::shared_ptr<const config::Snapshot> snapshot;
    std::size_t left = 0;  // apps whose answer is awaited
    ReloadReport report;
  };

  void add(std::string only, Done done);
  void begin();
  Task<void> read_file(Job& job);
  void ask_apps(Job& job);
  void swap_apps(Job& job);
  void swap(Job& job, AppReload& entry, bool differs);
  void finish();
  void compare_rest(Job& job) const;
  AppPool* pool(const std::string& name) const;

  Loop& main_;
  std::shared_ptr<const config::Snapshot> running_;
  config::Environment environment_;
  const std::vector<std::unique_ptr<AppPool>>& pools_;
  std::deque<std::unique_ptr<Job>> jobs_;  // the first is under way
  Task<void> task_;
  bool reading_ = false;
  bool stopped_ = false;
  std::move_only_function<void()> when_read_;
};

}  // namespace edge
