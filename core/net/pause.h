// Pause: `const bool stays = co_await pause;` waits for a time on behalf of a request, or until its client has gone.
#pragma once

#include <algorithm>
#include <bit>
#include <coroutine>
#include <cstdint>

#include "core/cancellation.h"
#include "core/duration.h"
#include "core/net/deadline.h"
#include "core/net/loop.h"

namespace edge {

/// Of a coroutine on its loop's thread, which awaits it once; false: the client has gone. It waits in steps of powers
/// of two, since the loop keeps a list for each distinct duration.
class Pause final : private Deadline, private Cancellation::Waiter {
 public:
  /// Both outlive it.
  Pause(Loop& loop, Cancellation& cancellation, Milliseconds time)
      : loop_(loop),
        cancellation_(cancellation),
        until_(loop.now() + static_cast<std::uint64_t>(std::max<Milliseconds::rep>(time.count(), 0))) {}

  bool await_ready() const { return cancellation_.requested() || loop_.now() >= until_; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    waiting_ = awaiter;
    cancellation_.enter(*this);
    step();
  }
  bool await_resume() const { return !cancellation_.requested(); }

 private:
  void step() { loop_.arm(*this, Milliseconds(std::bit_floor(until_ - loop_.now()))); }
  void on_deadline() override {
    if (loop_.now() < until_) return step();
    cancellation_.leave();
    waiting_.resume();
  }
  void cancel() override {
    disarm();
    waiting_.resume();
  }

  Loop& loop_;
  Cancellation& cancellation_;
  std::uint64_t until_;  // Loop::now()
  std::coroutine_handle<> waiting_;
};

}  // namespace edge
