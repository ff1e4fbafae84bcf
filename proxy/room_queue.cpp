// Entering and leaving the queue.
#include "proxy/room_queue.h"

#include <utility>

namespace edge {

bool RoomWait::await_suspend(std::coroutine_handle<> waiter) {
  if (cancellation_.requested()) {
    outcome_ = Outcome::cancelled;
    return false;
  }
  waiter_ = waiter;
  cancellation_.enter(*this);
  queue_.loop_.arm(*this, timeout_);
  if (again_) {
    queue_.waiting_.push_front(*this);
  } else {
    queue_.waiting_.push_back(*this);
  }
  ++queue_.size_;
  return true;
}

void RoomWait::end(Outcome outcome) {
  outcome_ = outcome;
  disarm();
  if (outcome != Outcome::cancelled) cancellation_.leave();
  queue_.waiting_.remove(*this);
  --queue_.size_;
  waiter_.resume();  // this is gone afterwards
}

void RoomQueue::on_turn_end() {
  for (std::size_t left = std::exchange(rooms_, 0); left > 0 && !waiting_.empty(); --left) {
    waiting_.front()->end(RoomWait::Outcome::room);
  }
}

}  // namespace edge
