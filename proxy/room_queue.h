// RoomQueue: requests that wait on one loop because every server they may go to is full.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>

#include "core/cancellation.h"
#include "core/intrusive_list.h"
#include "core/net/deadline.h"
#include "core/net/loop.h"
#include "proxy/tried_servers.h"

namespace edge {

class RoomQueue;

/// `const RoomWait::Outcome outcome = co_await wait;`: until it is this request's turn. It may be awaited again when
/// there was no room after all, without losing its place; its time runs on from the first await. `tried`: which servers
/// it may not go to; it may grow meanwhile.
class RoomWait final : private Deadline, private Cancellation::Waiter {
 public:
  enum class Outcome : std::uint8_t { room, timed_out, cancelled };

  RoomWait(RoomQueue& queue, const TriedServers& tried, Milliseconds timeout, Cancellation& cancellation)
      : queue_(queue), tried_(tried), timeout_(timeout), cancellation_(cancellation) {}

  bool await_ready() const { return outcome_ == Outcome::timed_out || cancellation_.requested(); }
  void await_suspend(std::coroutine_handle<> waiter);
  Outcome await_resume() const { return cancellation_.requested() ? Outcome::cancelled : outcome_; }

 private:
  friend class RoomQueue;
  void on_deadline() override { end(Outcome::timed_out); }
  void cancel() override { end(Outcome::cancelled); }
  void end(Outcome outcome);

  RoomQueue& queue_;
  const TriedServers& tried_;
  const Milliseconds timeout_;
  Cancellation& cancellation_;
  ListLink<RoomWait> link_;
  std::coroutine_handle<> waiter_;
  Outcome outcome_ = Outcome::room;
  bool has_waited_ = false;
};

/// One a lane, on its loop's thread. First come, first served.
class RoomQueue {
 public:
  explicit RoomQueue(Loop& loop) : loop_(loop) {}

  std::size_t size() const { return size_; }
  /// Wakes them in their order, each at most once, as long as `holds()`, but for those of whom `may_use(tried)` says
  /// no: also those behind one that finds no room and waits again, because it may not go to a server where the next one
  /// may.
  template <class Holds, class MayUse>
  void wake_while(Holds holds, MayUse may_use) {
    std::size_t left = size_;
    bool goes_on = holds();
    for (RoomWait* next = waiting_.front(); next && left > 0 && goes_on; next = first_behind_, --left) {
      first_behind_ = List::after(*next);
      if (!may_use(next->tried_)) continue;
      next->end(RoomWait::Outcome::room);
      goes_on = holds();
    }
    first_behind_ = nullptr;
  }

 private:
  friend class RoomWait;
  using List = IntrusiveList<RoomWait, &RoomWait::link_>;

  Loop& loop_;
  List waiting_;
  RoomWait* first_behind_ = nullptr;  // those that wait again go before it; null: at the end
  std::size_t size_ = 0;
};

}  // namespace edge
