// Taking requests back from slots whose workers do not get to them.
#include <algorithm>
#include <utility>

#include "appserver/app_queue.h"

namespace edge {

namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

}  // namespace

void AppQueue::take_back(Slot& slot, int caller) {
  {
    const std::lock_guard lock(mutex_);
    if (!slot.worker.is_asgi()) slot.slow_ = true;  // an event loop is not, for one request that takes its time
    take_unread(slot, caller);
    grant_waiting(caller);
  }
  deliver(caller);
}

AppQueue::Look AppQueue::take_back_if_slow(Slot& slot, int caller) {
  Look look;
  {
    const std::lock_guard lock(mutex_);
    if (slot.away_ && app_is_at(slot) == 0) {
      slot.away_ = false;
      list_slot(slot);
      grant_waiting(caller);
    }
    if (slot.open_) look = slot.worker.is_asgi() ? take_back_if_blocked(slot, caller) : look_at_thread(slot, caller);
  }
  deliver(caller);
  return look;
}

/// A thread of a WSGI app.
AppQueue::Look AppQueue::look_at_thread(Slot& slot, int caller) {
  const auto now = steady_clock::now();
  const std::uint64_t at = app_is_at(slot);
  if (slot.deaf_ && hears(slot)) {
    slot.deaf_ = false;
    list_slot(slot);
    grant_waiting(caller);
  }
  Look look;
  if (slot.load_ == 0 && at != 0 && !slot.away_) {
    if (now - slot.idle_since_ >= kLongService) send_away(slot);
    look.again = kLongService;
  } else if (slot.load_ > 0 && !(slot.load_ == 1 && has_begun(slot))) {
    if (now - slot.busy_since_ >= patience(slot)) {
      slot.slow_ = true;
      take_unread(slot, caller);
      grant_waiting(caller);
    } else {
      look.again = kLongService;
    }
  }
  if (!slot.away_ && !slot.deaf_) return look;
  look.again = slot.away_ && !waiting_.empty() ? kSoon : kLongService;
  const auto since = slot.away_ ? slot.away_since_ : slot.asked_at_;
  look.stuck = now - since >= limits_.blocked && !std::exchange(slot.given_up_, true);
  if (!look.stuck) return look;
  look.at = slot.away_ ? at : 0;
  look.asked = slot.away_ ? 0 : slot.asked_;
  if (slot.away_) look.id = slot.answered_id_;
  return look;
}

/// For how long requests may lie unread behind what the thread is at. One that is at nothing may have no CPU.
nanoseconds AppQueue::patience(const Slot& slot) {
  if (!has_begun(slot)) return app_is_at(slot) != 0 ? kLongService : kDeafLoop;
  return std::max<nanoseconds>(kLongService, nanoseconds(8 * slot.average_));
}

/// The worker's word.
std::uint64_t AppQueue::app_is_at(const Slot& slot) {
  return std::atomic_ref(slot.shared_.running).load(std::memory_order_acquire);
}

/// Nothing that it was asked is left unread.
bool AppQueue::hears(const Slot& slot) {
  return std::atomic_ref(slot.shared_.heard).load(std::memory_order_acquire) >= slot.asked_;
}

/// It gets nothing more until it is back.
void AppQueue::send_away(Slot& slot) {
  slot.away_ = true;
  slot.away_since_ = steady_clock::now();
  slot.given_up_ = false;
  list_slot(slot);
}

/// An event loop that reads again gets requests again.
AppQueue::Look AppQueue::take_back_if_blocked(Slot& slot, int caller) {
  const std::uint64_t taken = std::atomic_ref(slot.shared_.taken).load(std::memory_order_relaxed);
  const auto now = steady_clock::now();
  const bool all_read = has_read_all(slot);
  const bool hears = slot.slow_ && slot.worker.heard(0) >= slot.asked_;
  Look look;
  if (taken != slot.taken_ || hears || (all_read && !slot.slow_)) {
    slot.read_at_ = now;
    slot.slow_ = slot.stuffed_ = false;
    list_slot(slot);
    grant_waiting(caller);
  } else if (now - slot.read_at_ >= kDeafLoop && !slot.slow_) {
    take_unread(slot, caller);
    slot.slow_ = true;  // behind it, because a slot without requests is not slow
    slot.given_up_ = false;
    slot.asked_ = slot.worker.count_cancel();
    look.ask = true;
    list_slot(slot);
    grant_waiting(caller);
  }
  look.stuck = slot.slow_ && now - slot.read_at_ >= limits_.blocked && !std::exchange(slot.given_up_, true);
  slot.taken_ = taken;
  if (slot.slow_ || slot.stuffed_) {
    look.again = kSoon;
  } else if (!all_read || slot.away_) {
    look.again = kDeafLoop;
  }
  return look;
}

bool AppQueue::has_read_all(const Slot& slot) {
  const std::uint64_t taken = std::atomic_ref(slot.shared_.taken).load(std::memory_order_relaxed);
  return taken >= slot.sent_.load(std::memory_order_relaxed);
}

/// The worker's word, for the one request of the slot; it is not believed for more than its own good.
bool AppQueue::has_begun(const Slot& slot) {
  const Ticket* const first = slot.held_.front();
  return first && std::atomic_ref(slot.shared_.begun).load(std::memory_order_relaxed) == first->sequence_;
}

void AppQueue::take_unread(Slot& slot, int caller) {
  TicketList unread;
  bool question = false;
  while (const std::optional<wire::RequestHeader> message = slot.mailbox.take_back()) {
    if ((message->flags & wire::kAsk) != 0) {
      question = true;
      continue;
    }
    if ((message->flags & wire::kQuit) != 0) {  // behind all requests
      slot.mailbox.send_quit();
      break;
    }
    slot.sent_.fetch_sub(1, std::memory_order_relaxed);
    for (Ticket* ticket = slot.held_.front(); ticket; ticket = TicketList::after(*ticket)) {
      if (ticket->sequence_ != message->sequence) continue;
      vacate(*ticket);
      unread.push_back(*ticket);
      break;
    }
  }
  if (slot.load_ == 0 && !unread.empty() && app_is_at(slot) != 0 && !slot.away_) {
    send_away(slot);
  }
  if (question || (!unread.empty() && slot.load_ == 0 && !slot.away_)) ask(slot);
  to_front(unread, caller);
}

/// Whether it reads its mailbox, which is empty. It gets nothing more until it has heard: it is frozen, or without a
/// CPU.
void AppQueue::ask(Slot& slot) {
  if (!slot.open_ || slot.worker.is_asgi() || slot.mailbox.send_question() != Mailbox::Sent::sent) return;
  if (std::exchange(slot.deaf_, true)) return;
  slot.asked_ = std::atomic_ref(slot.shared_.heard).load(std::memory_order_relaxed) + 1;
  slot.asked_at_ = steady_clock::now();
  slot.given_up_ = false;
  list_slot(slot);
}

}  // namespace edge
