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
  list_ = &waiting;
  ++queue_.size_;
}

void RoomWait::end(Outcome outcome) {
  outcome_ = outcome;
  if (outcome != Outcome::cancelled) cancellation_.leave();
  if (queue_.first_behind_ == this) queue_.first_behind_ = RoomQueue::List::after(*this);
  list_->remove(*this);
  --queue_.size_;
  waiter_.resume();  // this may be gone afterwards
}

void RoomQueue::rooms_were_made(std::size_t count) {
  rooms_ += count;
  loop_.at_turn_end(*this);
}

/// Each is woken once, also those that find no room and wait again.
void RoomQueue::on_turn_end() {
  List woken;
  for (std::size_t left = std::exchange(rooms_, 0); left > 0 && !waiting_.empty(); --left) {
    RoomWait* const next = waiting_.pop_front();
    woken.push_back(*next);
    next->list_ = &woken;
  }
  first_behind_ = waiting_.front();
  while (!woken.empty()) woken.front()->end(RoomWait::Outcome::room);
  first_behind_ = nullptr;
}

}  // namespace edge
