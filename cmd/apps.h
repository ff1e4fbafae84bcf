// Apps: the pools of all apps, with those that a reload has added and those that it has removed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "appserver/app_pool.h"
#include "cmd/app_folders.h"
#include "config/snapshot.h"
#include "core/net/loop.h"

namespace edge {

/// On the main loop. Loops must run until stop() has called back, and outlive this.
class Apps {
 public:
  struct App {
    std::unique_ptr<AppPool> pool;
    std::shared_ptr<AppFolders> folders;
    std::shared_ptr<void> lease;  // held by everything that a request can come by to the pool
    std::uint64_t number = 0;
  };

  explicit Apps(Loop& main) : main_(main) {}
  /// What the pools are made with. Once, before anything else.
  void set_up(std::vector<Loop*> loops, std::string runtime_dir, std::string self_exe);

  /// A new one, not yet among all().
  App make(const config::App& app);
  void add(App app) { apps_.push_back(std::move(app)); }
  /// In the order of the snapshot, once arranged.
  const std::vector<App>& all() const { return apps_; }
  const App* find(const std::string& name) const;
  AppPool& pool(const std::string& name) const { return *find(name)->pool; }
  void arrange(const config::Snapshot& snapshot);

  /// It is stopped when the last lease has gone, and destroyed then. After stop() or kill(): at once.
  void retire(App app);
  void retire(const std::string& name);

  /// Stops all; `done` runs when no process is left. Once.
  void stop(std::move_only_function<void()> done);
  /// `why` is for the log.
  void kill(const std::string& why);
  /// When the loops do not run any more.
  void clear();

 private:
  struct Leaving {
    App app;
    bool stopping = false;
  };
  void unreachable(std::uint64_t number);
  void end(Leaving& leaving);
  void forget(std::uint64_t number);
  void tell_if_stopped();

  Loop& main_;
  std::vector<Loop*> loops_;
  std::string runtime_dir_;
  std::string self_exe_;
  std::vector<App> apps_;
  std::vector<std::unique_ptr<Leaving>> leaving_;
  std::uint64_t last_number_ = 0;
  std::size_t left_ = 0;  // of apps_, with processes
  bool stopping_ = false;
  std::string killed_;  // why; empty: they are not
  std::move_only_function<void()> when_stopped_;
};

}  // namespace edge
