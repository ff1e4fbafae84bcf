// Granting slots to requests.
#include "appserver/app_queue.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

namespace edge {

namespace {

using std::chrono::duration_cast;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

/// Requests. Answers come several in one read, of which the first seems to have taken all the time: so twice as many as
/// a slot has by default.
constexpr std::uint64_t kAverageOver = 64;

}  // namespace

AppQueue::AppQueue(std::vector<Loop*> loops, Limits limits) : desks_(loops.size()), limits_(limits) {
  assert(limits.depth >= 1);
  for (std::size_t i = 0; i < loops.size(); ++i) desks_[i].loop = loops[i];
}

void AppQueue::watch(Loop& main, Hooks hooks) {
  main_ = &main;
  hooks_ = std::move(hooks);
}

void AppQueue::set_limits(Limits limits) {
  const std::lock_guard lock(mutex_);
  assert(limits.depth >= 1);
  limits_ = limits;
}

AppQueue::Outcome AppQueue::acquire(Ticket& ticket, Slot*& slot) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return Outcome::closed;
  Slot* const best = waiting_.empty() ? best_slot() : nullptr;
  if (is_full(best)) {
    ++counters_.refused;
    return Outcome::full;
  }
  ticket.sequence_ = ++last_sequence_;
  ++present_;
  if (!best) {
    begin_to_wait(ticket);
    waiting_.push_back(ticket);
    return Outcome::waiting;
  }
  ++counters_.granted;
  occupy(ticket, *best);
  ticket.state_ = Ticket::State::held;
  best->held_.push_back(ticket);
  slot = best;
  return Outcome::granted;
}

bool AppQueue::turns_away() {
  const std::lock_guard lock(mutex_);
  if (stopped_ || !is_full(waiting_.empty() ? best_slot() : nullptr)) return false;
  ++counters_.refused;
  return true;
}

bool AppQueue::finish(Ticket& ticket, std::string_view id) {
  const int loop = ticket.loop_;
  bool look = false;
  {
    const std::lock_guard lock(mutex_);
    Slot* const slot = ticket.slot_;
    if (slot) {
      const auto now = steady_clock::now();
      const std::int64_t took = duration_cast<nanoseconds>(now - slot->busy_since_).count();
      const auto over = static_cast<std::int64_t>(std::min(slot->answered_ + 1, kAverageOver));
      slot->average_ = slot->average_ < 0 ? took : slot->average_ + (took - slot->average_) / over;
      slot->busy_since_ = now;
      slot->slow_ = slot->stuffed_ = false;
      count_answer(*slot);
      slot->answered_id_ = id;
    }
    leave(ticket);
    grant_waiting(loop);
    report_idle();
    look = slot && slot->load_ == 0 && !slot->worker.is_asgi() && app_is_at(*slot) == ticket.sequence_;
  }
  deliver(loop);
  return look;
}

bool AppQueue::withdraw(Ticket& ticket, Why why) {
  const int loop = ticket.loop_;
  {
    const std::lock_guard lock(mutex_);
    if (ticket.state_ == Ticket::State::held) return false;
    if (ticket.state_ == Ticket::State::waiting) count_withdrawal(ticket, why);
    leave(ticket);
    grant_waiting(loop);
    report_idle();
  }
  deliver(loop);
  return true;
}

bool AppQueue::is_held(const Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  return ticket.state_ == Ticket::State::held;
}

bool AppQueue::lose(Ticket& ticket, std::optional<Why> why) {
  const int loop = ticket.loop_;
  {
    const std::lock_guard lock(mutex_);
    if (ticket.state_ != Ticket::State::held) return false;
    if (why) count_withdrawal(ticket, *why);
    leave(ticket);
    grant_waiting(loop);
    report_idle();
  }
  deliver(loop);
  return true;
}

bool AppQueue::put_back(Ticket& ticket) {
  const int loop = ticket.loop_;
  {
    const std::lock_guard lock(mutex_);
    Slot& slot = *ticket.slot_;
    if (slot.load_ == 1) {
      leave(ticket);
      grant_waiting(loop);
      report_idle();
    } else {
      slot.stuffed_ = true;
      vacate(ticket);
      TicketList alone;
      alone.push_back(ticket);
      to_front(alone, loop);
      grant_waiting(loop);
    }
    if (ticket.state_ == Ticket::State::out) return false;
  }
  deliver(loop);
  return true;
}

void AppQueue::open(Slot& slot, int caller) {
  {
    const std::lock_guard lock(mutex_);
    if (slot.closed_) return;  // it broke off before every loop had joined it
    slot.open_ = true;
    list_slot(slot);
    grant_waiting(caller);
  }
  deliver(caller);
}

void AppQueue::close(Slot& slot, int caller) {
  {
    const std::lock_guard lock(mutex_);
    slot.open_ = false;
    slot.closed_ = true;
    list_slot(slot);
    TicketList granted;
    for (Desk& desk : desks_) {
      for (Ticket* ticket = desk.tickets.front(); ticket;) {
        Ticket* const next = TicketList::after(*ticket);
        if (ticket->slot_ == &slot) {
          vacate(*ticket);
          granted.push_back(*ticket);
        }
        ticket = next;
      }
    }
    to_front(granted, caller);
    take_unread(slot, caller);
    grant_waiting(caller);
  }
  deliver(caller);
}

void AppQueue::stop(Loop& main, std::move_only_function<void()> when_idle) {
  const std::lock_guard lock(mutex_);
  assert(!stopped_);
  stopped_ = true;
  main_ = &main;
  when_idle_ = std::move(when_idle);
  report_idle();
}

void AppQueue::refuse_waiting() {
  const std::lock_guard lock(mutex_);
  refusing_ = true;
  while (Ticket* const ticket = waiting_.pop_front()) {
    --waiting_count_;
    refuse(*ticket, -1);
  }
}

void AppQueue::list_slot(Slot& slot) {
  if (slot.listed_at_ != Slot::kUnlisted) {
    SlotList& list = by_load_[slot.listed_at_];
    list.remove(slot);
    if (list.empty()) lists_in_use_ &= ~(std::uint64_t{1} << slot.listed_at_);
  }
  slot.listed_at_ = Slot::kUnlisted;
  if (!takes_more(slot)) return;
  slot.listed_at_ = list_for(slot.load_);
  by_load_[slot.listed_at_].push_front(slot);
  lists_in_use_ |= std::uint64_t{1} << slot.listed_at_;
}

bool AppQueue::takes_more(const Slot& slot) const {
  if (!slot.open_ || slot.away_ || slot.deaf_) return false;
  if (slot.worker.is_asgi()) return slot.load_ < slot.worker.places() && !slot.slow_ && !slot.stuffed_;
  if (slot.load_ == 0) return true;
  const bool soon_done = slot.average_ >= 0 && nanoseconds(slot.average_ * slot.load_) < limits_.work_ahead;
  return slot.load_ < limits_.depth && soon_done && !slot.slow_ && !slot.stuffed_;
}

/// Few requests are told apart one by one, many by the power of two.
std::uint32_t AppQueue::list_for(std::uint32_t load) {
  constexpr std::uint32_t kOneByOne = 32;
  if (load < kOneByOne) return load;
  return kOneByOne + static_cast<std::uint32_t>(std::bit_width(load / kOneByOne)) - 1;
}

Slot* AppQueue::best_slot() {
  if (lists_in_use_ == 0) return nullptr;
  return by_load_[static_cast<std::size_t>(std::countr_zero(lists_in_use_))].front();
}

void AppQueue::occupy(Ticket& ticket, Slot& slot) {
  ticket.slot_ = &slot;
  if (slot.load_ == 0) slot.busy_since_ = steady_clock::now();
  if (slot.worker.is_asgi() && has_read_all(slot)) slot.read_at_ = steady_clock::now();
  ++slot.load_;
  list_slot(slot);
}

/// Takes the ticket out of the list that its slot put it in, and frees its place there.
void AppQueue::vacate(Ticket& ticket) {
  Slot& slot = *std::exchange(ticket.slot_, nullptr);
  (ticket.state_ == Ticket::State::held ? slot.held_ : desks_[static_cast<std::size_t>(ticket.loop_)].tickets)
      .remove(ticket);
  --slot.load_;
  if (slot.load_ == 0) {
    slot.slow_ = slot.stuffed_ = false;
    slot.idle_since_ = steady_clock::now();
  }
  list_slot(slot);
}

void AppQueue::leave(Ticket& ticket) {
  if (ticket.state_ == Ticket::State::out) return;
  if (ticket.slot_) {
    vacate(ticket);
  } else if (ticket.state_ == Ticket::State::waiting) {
    waiting_.remove(ticket);
    --waiting_count_;
  } else if (ticket.state_ == Ticket::State::refused) {
    desks_[static_cast<std::size_t>(ticket.loop_)].tickets.remove(ticket);
  }
  ticket.state_ = Ticket::State::out;
  --present_;
}

void AppQueue::to_front(TicketList& tickets, int caller) {
  Ticket* const first = waiting_.front();
  while (Ticket* const ticket = tickets.pop_front()) {
    if (refusing_) {
      refuse(*ticket, caller);
      continue;
    }
    begin_to_wait(*ticket);
    waiting_.insert_before(*ticket, first);
  }
}

void AppQueue::grant_waiting(int caller) {
  while (!waiting_.empty()) {
    Slot* const slot = best_slot();
    if (!slot) return;
    Ticket& ticket = *waiting_.pop_front();
    --waiting_count_;
    count_grant(ticket);
    occupy(ticket, *slot);
    ticket.state_ = Ticket::State::granted;
    tell(ticket, caller);
  }
}

void AppQueue::refuse(Ticket& ticket, int caller) {
  ticket.state_ = Ticket::State::refused;
  tell(ticket, caller);
}

void AppQueue::tell(Ticket& ticket, int caller) {
  Desk& desk = desks_[static_cast<std::size_t>(ticket.loop_)];
  desk.tickets.push_back(ticket);
  if (ticket.loop_ == caller || desk.told) return;  // the caller delivers when it has let go of the mutex
  desk.told = true;
  desk.loop->post([this, loop = ticket.loop_] {
    {
      const std::lock_guard lock(mutex_);
      desks_[static_cast<std::size_t>(loop)].told = false;
    }
    deliver(loop);
  });
}

void AppQueue::report_idle() {
  if (present_ == 0 && when_idle_) main_->post(std::exchange(when_idle_, nullptr));
}

void AppQueue::deliver(int loop) {
  if (loop < 0) return;
  Desk& desk = desks_[static_cast<std::size_t>(loop)];
  if (desk.delivering) return;  // further up the stack; it takes these too
  desk.delivering = true;
  while (true) {
    Ticket* ticket;
    Slot* slot;
    {
      const std::lock_guard lock(mutex_);
      ticket = desk.tickets.pop_front();
      if (!ticket) break;
      slot = ticket->slot_;
      ticket->state_ = slot ? Ticket::State::held : Ticket::State::out;
      if (slot) {
        slot->held_.push_back(*ticket);
      } else {
        --present_;
        report_idle();
      }
    }
    if (slot) {
      ticket->on_granted(*slot);
    } else {
      ticket->on_refused();
    }
  }
  desk.delivering = false;
}

}  // namespace edge
