// RoomQueue: requests that wait on one loop because every server they may go to is full.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>

#include "core/cancellation.h"
#include "core/intrusive_list.h"
#include "core/net/deadline.h"
#include "core/net/loop.h"
#include "core/net/turn_end.h"

namespace edge {

class RoomQueue;

/// `const RoomWait::Outcome outcome = co_await RoomWait(…);`: until it is this request's turn.
class RoomWait final : private Deadline, private Cancellation::Waiter {
 public:
  enum class Outcome : std::uint8_t { room, timed_out, cancelled };

  /// `again`: it was this one's turn, and there was no room after all; it goes back to the front.
  RoomWait(RoomQueue& queue, Milliseconds timeout, Cancellation& cancellation, bool again)
      : queue_(queue), timeout_(timeout), cancellation_(cancellation), again_(again) {}

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> waiter);
  Outcome await_resume() const { return outcome_; }

 private:
  friend class RoomQueue;
  void on_deadline() override { end(Outcome::timed_out); }
  void cancel() override { end(Outcome::cancelled); }
  void end(Outcome outcome);

  RoomQueue& queue_;
  Milliseconds timeout_;
  Cancellation& cancellation_;
  ListLink<RoomWait> link_;
  std::coroutine_handle<> waiter_;
  Outcome outcome_ = Outcome::room;
  bool again_;
};

/// One a lane, on its loop's thread. First come, first served.
class RoomQueue final : private TurnEnd {
 public:
  explicit RoomQueue(Loop& loop) : loop_(loop) {}

  std::size_t size() const { return size_; }
  /// At the end of the turn as many are woken as there were rooms made.
  void room_was_made() {
    ++rooms_;
    loop_.at_turn_end(*this);
  }

 private:
  friend class RoomWait;
  void on_turn_end() override;

  Loop& loop_;
  IntrusiveList<RoomWait, &RoomWait::link_> waiting_;
  std::size_t size_ = 0;
  std::size_t rooms_ = 0;
};

}  // namespace edge
