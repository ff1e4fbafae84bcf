// Loop: one event-loop thread. Everything reached from it belongs to that thread, except post().
#pragma once

#include <uv.h>

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/duration.h"
#include "core/net/deadline.h"
#include "core/net/turn_end.h"

namespace edge {

class Loop {
 public:
  /// `index` is 0 … N-1 for the edge's loops; the main loop has -1.
  explicit Loop(int index = -1);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  int index() const { return index_; }
  uv_loop_t* uv() { return &uv_; }

  /// Runs until stop() and every handle is closed. The calling thread becomes the loop's thread.
  void run();
  /// From the loop's thread: run() returns after the present turn; the destructor closes what is left.
  void stop();

  /// From any thread: runs `work` on the loop's thread, in the order posted. The only call between threads.
  void post(std::move_only_function<void()> work);

  /// Milliseconds of a monotonic clock, as of the start of the present turn.
  std::uint64_t now() const { return uv_now(&uv_); }
  /// The present time as an IMF-fixdate of 29 bytes (RFC 9110 5.6.7), made at most once a second.
  std::string_view http_date();
  /// Seconds since the epoch, as of http_date()'s last refresh in this turn.
  std::int64_t unix_seconds();

  /// The number of the present turn, which its end shares with the events before it.
  std::uint64_t turn() const { return turn_; }

  /// Runs `work` at the end of the present turn; nothing new if it is listed already.
  void at_turn_end(TurnEnd& work);

  /// Arms `deadline` for `after` from now, not from before (0: disarms it). Events that are there by then go first.
  void arm(Deadline& deadline, Milliseconds after);

  /// `auto value = co_await loop.offload([...] { ... });` runs the function on the thread pool, for whatever can
  /// block, and resumes on this loop. The function must not touch what belongs to a loop. A lambda that captures is
  /// fine here because it is not itself a coroutine; what it captures by reference must outlive the await.
  template <class Work>
  auto offload(Work work);

 private:
  struct PostedQueue;
  void arm_timer(std::uint64_t due);
  void run_deadlines();
  void run_turn_ends();

  uv_loop_t uv_{};
  uv_async_t wake_{};
  uv_timer_t timer_{};
  uv_prepare_t before_waiting_{};  // ends the turn of what was closed
  uv_check_t after_events_{};      // ends the turn of descriptors, then runs due deadlines
  struct TurnEnds : TurnEnd {
    void on_turn_end() override {}
  };
  TurnEnds turn_ends_;  // the head of a ring
  std::unique_ptr<PostedQueue> posted_;
  std::vector<std::unique_ptr<DeadlineList>> deadlines_;  // one for each distinct duration; a handful
  std::uint64_t timer_due_ = 0;                           // 0: not armed; kFired: deadlines are due
  std::uint64_t turn_ = 1;
  std::uint64_t clock_read_at_ = ~std::uint64_t{0};
  std::int64_t unix_seconds_ = 0;
  std::int64_t date_of_ = -1;
  char date_[32]{};
  int index_;
};

namespace loop_detail {
template <class Work>
struct Offload {
  using Value = std::invoke_result_t<Work&>;
  static_assert(!std::is_void_v<Value>, "return a value: what happened");

  uv_loop_t* uv;
  Work work;
  uv_work_t request{};
  std::coroutine_handle<> waiting{};
  std::optional<Value> value{};

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    waiting = awaiter;
    request.data = this;
    const auto run = [](uv_work_t* r) {
      auto* self = static_cast<Offload*>(r->data);
      self->value.emplace(self->work());
    };
    const auto done = [](uv_work_t* r, int) { static_cast<Offload*>(r->data)->waiting.resume(); };
    uv_queue_work(uv, &request, run, done);
  }
  Value await_resume() { return std::move(*value); }
};
}  // namespace loop_detail

template <class Work>
auto Loop::offload(Work work) {
  return loop_detail::Offload<Work>{&uv_, std::move(work)};
}

}  // namespace edge
