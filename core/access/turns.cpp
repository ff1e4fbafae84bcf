// The queue, whose first is woken on its own loop.
#include "core/access/turns.h"

#include <algorithm>
#include <coroutine>
#include <utility>

namespace edge {

/// One who waits. Only its loop's thread touches it, but for its place in the queue.
class Turns::Wait final : public Cancellation::Waiter {
 public:
  Wait(Turns& turns, Loop& loop) : turns_(turns), loop_(loop) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
  void await_resume() const noexcept {}

  /// From any thread, when it is in the queue no more. That it may not be suspended yet is no matter: its loop first
  /// comes to the end of what it does.
  void wake() {
    loop_.post([this] { waiting_.resume(); });
  }
  /// Who has been given a turn meanwhile is woken by that.
  void cancel() override {
    if (!turns_.withdraw(*this)) return;
    withdrawn_ = true;
    waiting_.resume();
  }
  bool withdrawn() const { return withdrawn_; }

 private:
  Turns& turns_;
  Loop& loop_;
  std::coroutine_handle<> waiting_;
  bool withdrawn_ = false;
};

Task<Turns::Entry> Turns::enter(Loop& loop, Cancellation& cancellation) {
  if (cancellation.requested()) co_return Entry::gone;
  Wait wait(*this, loop);
  bool queued = false;
  const Entry entry = enter_or_queue(wait, queued);
  if (!queued) co_return entry;
  cancellation.enter(wait);
  co_await wait;
  if (wait.withdrawn()) co_return Entry::gone;
  if (!cancellation.requested()) {
    cancellation.leave();
    co_return Entry::entered;
  }
  leave();
  co_return Entry::gone;
}

Turns::Entry Turns::enter_or_queue(Wait& wait, bool& queued) {
  const std::lock_guard lock(mutex_);
  if (free_ > 0) {
    --free_;
    return Entry::entered;
  }
  if (waiting_.size() == most_waiting_) return Entry::full;
  waiting_.push_back(&wait);
  queued = true;
  return Entry::entered;
}

bool Turns::withdraw(Wait& wait) {
  const std::lock_guard lock(mutex_);
  return std::erase(waiting_, &wait) > 0;
}

void Turns::leave() {
  Wait* next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      ++free_;
      return;
    }
    next = waiting_.front();
    waiting_.pop_front();
  }
  next->wake();
}

}  // namespace edge
