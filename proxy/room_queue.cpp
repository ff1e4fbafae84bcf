// Entering and leaving the queue.
#include "proxy/room_queue.h"

#include <utility>

namespace edge {

void RoomWait::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  cancellation_.enter(*this);
  RoomQueue::List& waiting = queue_.waiting_;
  if (std::exchange(has_waited_, true)) {
    waiting.insert_before(*this, queue_.first_behind_);
  } else {
    waiting.push_back(*this);
    queue_.loop_.arm(*this, timeout_);
  }
  ++queue_.size_;
}

void RoomWait::end(Outcome outcome) {
  outcome_ = outcome;
  if (outcome != Outcome::cancelled) cancellation_.leave();
  if (queue_.first_behind_ == this) queue_.first_behind_ = RoomQueue::List::after(*this);
  queue_.waiting_.remove(*this);
  --queue_.size_;
  waiter_.resume();  // this may be gone afterwards
}

}  // namespace edge
