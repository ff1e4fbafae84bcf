// AppPool: one app with everything that serves it: its queue, a lane on each loop, and its generations.
//
// A swap (reload, restart, rollback) makes another generation serve: the new one gets requests when all of its workers
// are ready, then the old one's workers finish what they hold. One swap at a time. The generation before is kept
// without workers for a while, so that a rollback takes milliseconds.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "appserver/app_queue.h"
#include "appserver/app_status.h"
#include "appserver/generation.h"
#include "appserver/kernel_memory.h"
#include "config/snapshot.h"
#include "core/http/handler.h"
#include "core/net/alarm.h"
#include "core/net/loop.h"

namespace edge {

/// Owned by the composition, used on the main loop's thread but for name() and handler(). Outlives its handlers, and
/// what was posted to the loops before stop() called back.
class AppPool final : private Generation::Owner {
 public:
  /// What no setting changes, but a test may.
  struct Habits {
    Milliseconds kept_for{10 * 60 * 1000};  // the generation before the present one can be gone back to
    Milliseconds looks_for_kills{10'000};   // at what the kernel has counted, again and again
    MemoryKills::Count memory_kills = out_of_memory_kills;
  };

  /// `loops` in the order of their indices. They must run from start() until stop() has called back, and outlive the
  /// pool. `runtime_dir` is for large request bodies; `self_exe` the path of this binary.
  AppPool(Loop& main, std::vector<Loop*> loops, const config::App& app, const std::string& runtime_dir,
          const std::string& self_exe, const Habits& habits);
  AppPool(const AppPool&) = delete;
  AppPool& operator=(const AppPool&) = delete;
  ~AppPool();

  /// From any thread.
  const std::string& name() const { return name_; }
  /// As the generation that serves was made, or is being made.
  const config::App& app() const { return *app_; }

  /// The app is asked for its folders of files, which `open` opens and which are served from when what has named them
  /// serves. After start() it holds for the generations that come.
  void find_folders(OpenFolders open) { house_.open_folders = std::move(open); }
  bool finds_folders() const { return static_cast<bool>(house_.open_folders); }
  /// What is served from is opened once more, because it is wanted elsewhere too. `opened` runs in a later turn, also
  /// when there is nothing to open.
  void open_folders_again(std::move_only_function<void()> opened);

  /// Begins to start. `started` runs once, in a later turn of the main loop, unless stop() or kill() comes first: true
  /// when every worker is ready; false when the app cannot be started, and the log says why. After a false, stop() is
  /// still to be called.
  void start(std::move_only_function<void(bool started)> started);
  /// Why it cannot be started, as the log says it; after a false.
  const std::string& start_error() const { return start_error_; }

  /// For a route of that loop: `script_name` is its mount or empty. From any thread.
  std::unique_ptr<Handler> handler(Loop& loop, std::string script_name, bool cancel_on_disconnect = false);

  using Swapped = std::move_only_function<void(SwapResult)>;
  /// Makes a new generation by `app`, the same name's new settings, and swaps it in. A swap that is under way ends
  /// first. `differs`: the old generation is another one, worth going back to; else that before it stays the kept one.
  /// `swapped` runs in a later turn, also when the pool is stopped meanwhile.
  void reload(const config::App& app, bool differs, Swapped swapped);
  /// Swaps the kept generation in. Fails when none is kept.
  void rollback(Swapped swapped);
  /// Says whether files of the app have changed since it was imported, or the last reload has failed: `answer` gets
  /// what changed, or an empty text.
  void ask_changed(std::move_only_function<void(std::string what)> answer);

  /// Collects from every loop; `answer` runs in a later turn.
  void status(std::move_only_function<void(AppStatus)> answer);

  /// Refuses new requests, answers what waits or is under way, ends the workers; what is not done within
  /// app.shutdown_timeout is killed. `stopped` runs on the main loop when no process and no channel is left. Once.
  void stop(std::move_only_function<void()> stopped);
  /// Kills every process now; `why` is for the log. stop() is still to be called, before or after.
  void kill(const std::string& why);

 private:
  struct Swap {
    std::shared_ptr<const config::App> app;  // null: a rollback
    bool differs = false;
    std::vector<Swapped> told;
  };

  // Generation::Owner
  void on_ready(Generation& generation) override;
  void on_failed(Generation& generation, const std::string& why) override;
  void on_ended(Generation& generation) override;
  void on_trouble(std::string text) override;

  // Starting and stopping: app_pool.cpp
  static AppQueue::Limits queue_limits(const config::App& app);
  void report(bool started);
  void close_queue();
  void on_queue_idle();
  void on_stop_deadline();
  void finish_if_ended();
  void look_for_kills();

  // Swapping: app_pool_swap.cpp
  Generation& make_generation(std::shared_ptr<const config::App> app);
  void ask_for(std::shared_ptr<const config::App> app, bool differs, Swapped swapped);
  void begin_swap();
  void swap_in(Generation& next, bool keeps_old);
  void end_swap(const std::string& error);
  void use_settings(const std::shared_ptr<const config::App>& app);
  void keep(Generation* generation);
  void forget_kept();

  // Status: app_pool_status.cpp
  AppStatus own_status() const;

  const std::string name_;
  std::shared_ptr<const config::App> app_;
  const Habits habits_;
  AppQueue queue_;
  AppHouse house_;
  std::vector<std::unique_ptr<Generation>> generations_;  // all that have not ended
  Generation* serving_ = nullptr;
  Generation* coming_ = nullptr;
  Generation* kept_ = nullptr;
  std::uint32_t last_number_ = 0;
  std::deque<Swap> swaps_;  // the first is under way, if coming_ is set
  std::uint64_t swap_since_ = 0;
  Alarm keep_deadline_{[this] { forget_kept(); }};
  std::uint64_t kept_since_ = 0;  // Loop::now()
  Alarm next_look_for_kills_{[this] { look_for_kills(); }};
  Alarm stop_deadline_{[this] { on_stop_deadline(); }};
  std::deque<PastError> errors_;  // newest first
  std::string start_error_;
  bool swap_failed_ = false;  // the last one
  bool started_ = false;      // it served once
  bool failed_ = false;       // the start was given up
  bool stopping_ = false;
  bool killed_ = false;
  bool closing_lanes_ = false;
  std::size_t lanes_open_ = 0;
  std::move_only_function<void(bool)> when_started_;
  std::move_only_function<void()> when_stopped_;
};

}  // namespace edge
