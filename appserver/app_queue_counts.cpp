// What an AppQueue counts and measures, and whom it tells.
#include <algorithm>

#include "appserver/app_queue.h"

namespace edge {

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::steady_clock;

std::uint64_t microseconds_since(steady_clock::time_point then) {
  return static_cast<std::uint64_t>(duration_cast<microseconds>(steady_clock::now() - then).count());
}

}  // namespace

/// With the mutex held, as what is private here. Waiting from now, also when a slot had the ticket before.
void AppQueue::begin_to_wait(Ticket& ticket) {
  ticket.state_ = Ticket::State::waiting;
  ticket.waits_since_ = steady_clock::now();
  ++waiting_count_;
  if (!limits_.grows || std::exchange(pressure_told_, true)) return;
  main_->post([this] {
    {
      const std::lock_guard lock(mutex_);
      pressure_told_ = false;
    }
    hooks_.pressure();
  });
}

void AppQueue::count_grant(Ticket& ticket) {
  const std::uint64_t wait = microseconds_since(ticket.waits_since_);
  ++counters_.granted;
  ++counters_.waited;
  counters_.wait_total += wait;
  counters_.wait_most = std::max(counters_.wait_most, wait);
}

void AppQueue::count_withdrawal(const Ticket& ticket, Why why) {
  ++(why == Why::left ? counters_.left : counters_.timed_out);
  counters_.wait_most = std::max(counters_.wait_most, microseconds_since(ticket.waits_since_));
}

void AppQueue::count_answer(Slot& slot) {
  ++slot.answered_;
  WorkerProcess& worker = slot.worker;
  if (++worker.answered_ != worker.most_requests_ || !hooks_.spent) return;
  main_->post([this, spent = worker.shared_from_this()] { hooks_.spent(*spent); });
}

std::uint64_t AppQueue::answered(const Slot& slot) {
  const std::lock_guard lock(mutex_);
  return slot.answered_;
}

std::size_t AppQueue::busy(const WorkerProcess& worker) {
  const std::lock_guard lock(mutex_);
  std::size_t busy = 0;
  for (const auto& slot : worker.slots()) busy += std::min(slot->load_, worker.places());
  return busy;
}

std::size_t AppQueue::busy_besides(const Slot& slot) {
  const std::size_t all = busy(slot.worker);
  const std::lock_guard lock(mutex_);
  return all - std::min<std::size_t>(all, slot.load_ > 0 ? 1 : 0);
}

bool AppQueue::is_away(const Slot& slot) {
  const std::lock_guard lock(mutex_);
  return slot.away_;
}

Milliseconds AppQueue::idle(const WorkerProcess& worker) {
  const std::lock_guard lock(mutex_);
  Milliseconds least = Milliseconds::max();
  for (const auto& slot : worker.slots()) {
    if (slot->load_ > 0) return Milliseconds(0);
    least = std::min(least, duration_cast<Milliseconds>(steady_clock::now() - slot->idle_since_));
  }
  return least;
}

std::uint64_t AppQueue::longest_wait() {
  const std::lock_guard lock(mutex_);
  const Ticket* const first = waiting_.front();
  return first ? std::max<std::uint64_t>(1, microseconds_since(first->waits_since_)) : 0;
}

QueueStatus AppQueue::status() const {
  const std::lock_guard lock(mutex_);
  QueueStatus status = counters_;
  status.waiting = waiting_count_;
  status.limit = limits_.waiting;
  if (const Ticket* const first = waiting_.front())
    status.longest_wait = microseconds_since(first->waits_since_) / 1000;
  return status;
}

}  // namespace edge
