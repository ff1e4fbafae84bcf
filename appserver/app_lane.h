// AppLane: one loop's side of one app: its answer channels, its calls, and the memory they share.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/answer_channel.h"
#include "appserver/app_call.h"
#include "appserver/app_queue.h"
#include "appserver/app_status.h"
#include "appserver/expired_request.h"
#include "appserver/read_blocks.h"
#include "config/snapshot.h"
#include "core/net/loop.h"

namespace edge {

/// Made on any thread, then used on its loop's only. Outlives the handlers that use it; close() comes before the end.
class AppLane final : private Deadline {
 public:
  /// `queue` and `loop` must outlive the lane. `spool_directory` is for request bodies.
  AppLane(Loop& loop, AppQueue& queue, std::shared_ptr<const config::App> app, std::string spool_directory);
  ~AppLane();

  Loop& loop() { return loop_; }
  AppQueue& queue() { return queue_; }
  const config::App& app() const { return *app_; }
  /// From now on calls go by these settings, of the same app.
  void use(std::shared_ptr<const config::App> app) { app_ = std::move(app); }
  Error queue_is_full() const;
  const std::string& spool_directory() const { return spool_directory_; }
  ReadBlocks& blocks() { return blocks_; }

  /// A new call.
  CallRef call();

  /// Registers a worker: one answers channel for each of its slots, in their order. An error means that some cannot be
  /// watched; the worker must be killed then. Its slots are to be opened only when every lane has it.
  Result<void> add_worker(const std::shared_ptr<WorkerProcess>& worker, std::vector<UniqueFd> answers);
  /// The process has ended, and `how`; its slots are closed.
  void worker_gone(const WorkerProcess& worker, std::string_view how);
  /// The process is about to be killed, and why; null: every process is. What they are at fails.
  void cut_off(const WorkerProcess* worker, std::string_view why);
  /// What this loop's requests are at in the workers.
  std::vector<RunningRequest> running() const;
  /// Who deals with requests that ran longer than request_timeout; called on the loop's thread, once for a request.
  /// Without it their workers are killed. Before the first worker.
  void on_timeout(std::move_only_function<void(ExpiredRequest request)> deal) { deal_with_timeout_ = std::move(deal); }
  /// Fails what is under way and closes every channel; then calls `done`. Once.
  void close(std::move_only_function<void()> done);

  // ---- for AppCall and AnswerChannel ------------------------------------------------------------------------------

  /// The uwsgi packet of a request; valid until the next call. Empty when its variables are larger than a packet.
  std::string_view encode(Request& request, std::string_view script_name, std::optional<std::uint64_t> content_length);
  /// Around everything that may wake calls: those are resumed at the end of the outermost event, when nobody on the
  /// stack holds a call or a channel any more.
  class Event {
   public:
    explicit Event(AppLane& lane) : lane_(lane) { ++lane_.events_; }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() {
      if (--lane_.events_ == 0) lane_.run_woken();
    }

   private:
    AppLane& lane_;
  };
  /// Resumes the call's waiter at the end of the present event.
  void wake(AppCall& call);
  void forget_woken(AppCall& call) { woken_.remove(call); }
  /// A request was sent: it is to be taken back if the worker does not get to it.
  void watch_slots();
  /// The mailbox of an ASGI app's slot was full: it is looked at soon whether it has room again.
  void watch_stuffed_slots() { loop_.arm(*this, AppQueue::kSoon); }
  void recycle(AppCall& call);
  void channel_closed(AnswerChannel& channel);
  bool deals_with_timeouts() const { return static_cast<bool>(deal_with_timeout_); }
  void request_timed_out(ExpiredRequest request) { deal_with_timeout_(std::move(request)); }

 private:
  void on_deadline() override;
  void run_woken();

  Loop& loop_;
  AppQueue& queue_;
  std::shared_ptr<const config::App> app_;
  std::string spool_directory_;
  ReadBlocks blocks_;
  std::unique_ptr<char[]> packet_;
  std::vector<std::unique_ptr<AppCall>> free_calls_;
  IntrusiveList<AppCall, &AppCall::in_woken_> woken_;
  IntrusiveList<AnswerChannel, &AnswerChannel::in_lane_> channels_;
  int events_ = 0;
  bool running_woken_ = false;
  std::move_only_function<void(ExpiredRequest request)> deal_with_timeout_;
  std::move_only_function<void()> when_closed_;
};

}  // namespace edge
