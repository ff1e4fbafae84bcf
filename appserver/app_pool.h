// AppPool: one app with everything that serves it: its zygote and workers, its queue, and a lane on each loop.
//
// Life: start() spawns the zygote, which imports the app; then a worker is forked for each seat; when all are ready the
// pool has started. What dies is replaced until stop() or kill().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/app_lane.h"
#include "appserver/app_queue.h"
#include "appserver/interpreter.h"
#include "appserver/restart_delay.h"
#include "appserver/worker_process.h"
#include "appserver/zygote.h"
#include "config/snapshot.h"
#include "core/http/handler.h"
#include "core/net/loop.h"

namespace edge {

/// Owned by the composition, used on the main loop's thread but for handler(). Outlives its handlers.
class AppPool final : private Zygote::Supervisor {
 public:
  /// `loops` in the order of their indices. They must run from start() until stop() has called back, and outlive the
  /// pool. `runtime_dir` is for large request bodies; `self_exe` the path of this binary.
  AppPool(Loop& main, std::vector<Loop*> loops, const config::App& app, const std::string& runtime_dir,
          const std::string& self_exe);
  AppPool(const AppPool&) = delete;
  AppPool& operator=(const AppPool&) = delete;
  ~AppPool();

  const std::string& name() const { return app_.name; }

  /// Begins to start. `started` runs once, in a later turn of the main loop, unless stop() or kill() comes first: true
  /// when every worker is ready; false when the app cannot be started, and the log says why. After a false, stop() is
  /// still to be called.
  void start(std::move_only_function<void(bool started)> started);

  /// For a route of that loop: `script_name` is its mount or empty. On the loop's thread, or before the loop runs.
  std::unique_ptr<Handler> handler(Loop& loop, std::string script_name);

  /// Refuses new requests, answers what waits or is under way, ends the workers; what is not done within
  /// app.shutdown_timeout is killed. `stopped` runs on the main loop when no process and no channel is left. Once.
  void stop(std::move_only_function<void()> stopped);
  /// Kills every process now. stop() is still to be called, before or after.
  void kill();

 private:
  /// The place of one worker, whichever process fills it. The deadline is that of its start, or of its replacement.
  struct Seat final : Deadline {
    enum class State : std::uint8_t {
      empty,     // may have to wait before the next try
      wanted,    // waits for its turn to be forked
      forking,   // the zygote was asked
      starting,  // the process exists
      joining,   // is ready; the loops are opening its channels
      serving,
    };
    Seat(AppPool& in, std::uint32_t at);
    void on_deadline() override { pool.on_seat_deadline(*this); }

    AppPool& pool;
    std::uint32_t number;
    State state = State::empty;
    std::shared_ptr<WorkerProcess> worker;
    std::vector<std::vector<UniqueFd>> answers;  // the edge's ends, by loop and then by thread, until they are joined
    std::size_t joins_left = 0;
    bool joined_well = true;
    std::uint64_t since = 0;  // Loop::now() when it was asked for
    RestartDelay delay;
  };
  struct ZygoteDeadline final : Deadline {
    explicit ZygoteDeadline(AppPool& in) : pool(in) {}
    void on_deadline() override { pool.on_zygote_deadline(); }
    AppPool& pool;
  };
  struct StopDeadline final : Deadline {
    explicit StopDeadline(AppPool& in) : pool(in) {}
    void on_deadline() override { pool.on_stop_deadline(); }
    AppPool& pool;
  };

  // Zygote::Supervisor
  void on_imported() override;
  void on_import_failed(std::string_view text) override;
  void on_worker_forked(std::uint32_t worker, pid_t pid) override;
  void on_worker_ready(std::uint32_t worker, pid_t pid) override;
  void on_worker_import_failed(std::uint32_t worker, std::string_view text) override;
  void on_worker_exited(std::uint32_t worker, pid_t pid, int wait_status) override;
  void on_zygote_ended(int status, int signal) override;

  // The zygote: app_pool.cpp
  void spawn_zygote();
  void on_zygote_deadline();
  void report(bool started);
  void give_up_start(std::string_view why);
  void close_queue();
  void on_queue_idle();
  void on_stop_deadline();
  void finish_if_ended();

  // The workers: app_pool_workers.cpp
  void want_worker(Seat& seat);
  void fork_next();
  Result<std::vector<std::vector<UniqueFd>>> make_channels(Seat& seat);
  void on_seat_deadline(Seat& seat);
  void join(Seat& seat);
  void on_joined(Seat& seat, const std::shared_ptr<WorkerProcess>& worker, bool well);
  void empty_seat(Seat& seat);
  void replace(Seat& seat, bool lived_well);

  Loop& main_;
  std::vector<Loop*> loops_;
  config::App app_;
  std::string self_exe_;
  AppQueue queue_;
  std::vector<std::unique_ptr<AppLane>> lanes_;  // by loop
  std::vector<std::unique_ptr<Seat>> seats_;
  Interpreter interpreter_;
  UniqueFd gateway_;
  std::unique_ptr<Zygote> zygote_;
  RestartDelay zygote_delay_;
  ZygoteDeadline zygote_deadline_{*this};  // of its import, or of its replacement
  StopDeadline stop_deadline_{*this};
  std::uint64_t zygote_since_ = 0;  // Loop::now() when it was spawned
  Seat* forking_ = nullptr;         // one at a time: descriptors under way are limited
  bool imported_ = false;
  bool import_failed_ = false;  // the zygote said so itself
  bool started_ = false;        // all workers were ready once
  bool failed_ = false;         // the start was given up
  bool stopping_ = false;
  bool killed_ = false;
  bool closing_lanes_ = false;
  std::size_t lanes_open_ = 0;
  std::move_only_function<void(bool)> when_started_;
  std::move_only_function<void()> when_stopped_;
};

}  // namespace edge
