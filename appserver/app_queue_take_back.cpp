// Taking requests back from slots whose workers do not get to them.
#include <algorithm>
#include <utility>

#include "appserver/app_queue.h"

namespace edge {

namespace {

using std::chrono::microseconds;
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
  Look look{.again = kLongService};
  {
    const std::lock_guard lock(mutex_);
    if (slot.away_ && std::atomic_ref(slot.shared_.running).load(std::memory_order_acquire) == 0) {
      slot.away_ = false;
      list_slot(slot);
      grant_waiting(caller);
    }
    if (slot.open_ && slot.worker.is_asgi()) {
      look = take_back_if_blocked(slot, caller);
    } else if (!slot.open_ || slot.away_ || slot.load_ == 0) {
      if (!slot.open_ || !slot.away_) look.again.reset();
    } else if (slot.load_ == 1 && has_begun(slot)) {
      look.again.reset();
    } else {
      const microseconds limit = std::max<microseconds>(kLongService, microseconds(8 * slot.average_));
      if (steady_clock::now() - slot.busy_since_ >= limit) {
        slot.slow_ = true;
        take_unread(slot, caller);
        grant_waiting(caller);
        if (!slot.away_) look.again.reset();
      }
    }
  }
  deliver(caller);
  return look;
}

/// An event loop that reads again gets requests again.
AppQueue::Look AppQueue::take_back_if_blocked(Slot& slot, int caller) {
  const std::uint64_t taken = std::atomic_ref(slot.shared_.taken).load(std::memory_order_relaxed);
  const auto now = steady_clock::now();
  const bool all_read = has_read_all(slot);
  const bool hears = slot.slow_ && slot.worker.heard_cancels() >= slot.asked_;
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
  while (const std::optional<std::uint64_t> sequence = slot.mailbox.take_back()) {
    if (*sequence == 0) {  // that it shall quit, behind all requests
      slot.mailbox.send_quit();
      break;
    }
    slot.sent_.fetch_sub(1, std::memory_order_relaxed);
    for (Ticket* ticket = slot.held_.front(); ticket; ticket = TicketList::after(*ticket)) {
      if (ticket->sequence_ != *sequence) continue;
      vacate(*ticket);
      unread.push_back(*ticket);
      break;
    }
  }
  // A thread that has answered everything and yet did not read this gets nothing more until it is back.
  const bool runs = std::atomic_ref(slot.shared_.running).load(std::memory_order_acquire) != 0;
  if (!unread.empty() && slot.load_ == 0 && runs) {
    slot.away_ = true;
    list_slot(slot);
  } else if (!unread.empty() && slot.listed_at_ == 0) {  // frozen, or without a CPU: others that are idle come first
    by_load_[0].remove(slot);
    by_load_[0].push_back(slot);
  }
  to_front(unread, caller);
}

}  // namespace edge
