// How many workers a generation has: enough, not more than wanted, and none that is used up.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "appserver/generation.h"
#include "appserver/kernel_memory.h"
#include "core/log.h"

namespace edge {

namespace {

constexpr Milliseconds kGrowAfter{10};  // a request that waits so long wants another worker
constexpr Milliseconds kLookAtMemory{500};
constexpr Milliseconds kLookForIdleness{1'000};

}  // namespace

/// Starts what is missing, and ends what is too much or replaced.
void Generation::balance() {
  if (!imported_ || killed_ || state_ < State::starting || state_ > State::serving) return;
  auto present = static_cast<std::size_t>(std::ranges::count_if(seats_, [](const auto& seat) {
    return seat->state != Seat::State::empty && seat->state != Seat::State::leaving && !seat->outgoing;
  }));
  for (; present < target_; ++present) {
    Seat* const seat = free_seat();
    if (!seat) break;
    want_worker(*seat);
  }
  if (state_ != State::serving || count_serving() < target_) return;
  for (const auto& seat : seats_) {
    if (seat->outgoing && seat->state == Seat::State::serving) retire(*seat);
  }
}

/// Workers that serve and are to go on.
std::size_t Generation::count_serving() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      seats_, [](const auto& seat) { return seat->state == Seat::State::serving && !seat->outgoing; }));
}

void Generation::on_pressure() {
  if (state_ == State::serving && target_ < app_->most_processes && !grow_.armed()) house_.main.arm(grow_, kGrowAfter);
}

void Generation::grow() {
  if (state_ != State::serving) return;
  const std::uint64_t waited = house_.queue.longest_wait();  // microseconds
  if (waited == 0) return;
  const bool starting = std::ranges::any_of(seats_, [](const auto& seat) { return seat->starts(); });
  if (!starting && waited >= std::chrono::microseconds(kGrowAfter).count()) {
    ++target_;
    log::info("[{}] a request has waited {} ms for a worker: {} of at most {} workers", app_->name, waited / 1000,
              target_, app_->most_processes);
    balance();
    house_.main.arm(shrink_, std::min(app_->idle, kLookForIdleness));
  }
  if (target_ < app_->most_processes) house_.main.arm(grow_, kGrowAfter);
}

/// Ends one worker that was idle long enough. The queue prefers those that were used last, so idleness gathers.
void Generation::shrink() {
  if (state_ != State::serving || target_ <= app_->processes) return;
  Seat* idlest = nullptr;
  Milliseconds longest = app_->idle;
  for (const auto& seat : seats_) {
    if (seat->state != Seat::State::serving || seat->outgoing) continue;
    const Milliseconds idle = house_.queue.idle(*seat->worker);
    if (idle < longest) continue;
    longest = idle;
    idlest = seat.get();
  }
  if (idlest && count_serving() >= target_) {
    --target_;
    log::info("[{}] worker {} was idle for {} s: {} workers are left", app_->name, idlest->number,
              std::chrono::duration_cast<std::chrono::seconds>(longest).count(), target_);
    retire(*idlest);
  }
  if (target_ > app_->processes) house_.main.arm(shrink_, std::min(app_->idle, kLookForIdleness));
}

/// The worker goes on until another one is ready in its place.
void Generation::replace(Seat& seat, const std::string& why) {
  if (state_ != State::serving || seat.outgoing || seat.state != Seat::State::serving) return;
  log::info("[{}] worker {} (pid {}) is replaced: {}", app_->name, seat.number, seat.worker->pid(), why);
  seat.outgoing = true;
  balance();
}

void Generation::on_spent(const WorkerProcess& worker) {
  Seat* const at = seat(worker.number());
  if (at && at->worker.get() == &worker) {
    replace(*at, fmt::format("max_requests is {}, it was to answer {}", app_->max_requests, worker.most_requests()));
  }
}

void Generation::watch_memory() {
  if (state_ != State::serving) return;
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    Seat& at = *seats_[i];
    if (at.state != Seat::State::serving || at.outgoing) continue;
    const std::uint64_t bytes = resident_bytes(at.worker->pid()).value_or(0);
    if (bytes <= app_->max_memory) continue;
    if (has_answered(*at.worker)) {
      replace(at, fmt::format("it holds {} MiB, max_memory is {} MiB", bytes >> 20, app_->max_memory >> 20));
    } else if (!std::exchange(memory_warned_, true)) {
      trouble(
          fmt::format("a worker holds {} MiB before its first request, more than max_memory ({} MiB): each is "
                      "replaced after its first",
                      bytes >> 20, app_->max_memory >> 20));
    }
  }
  house_.main.arm(memory_, kLookAtMemory);
}

/// max_requests less up to a tenth, so that workers that began together do not end together.
std::uint64_t Generation::requests_until_spent() {
  if (app_->max_requests == 0) return 0;
  static thread_local std::minstd_rand random(std::random_device{}());
  return app_->max_requests - random() % (app_->max_requests / 10 + 1);
}

}  // namespace edge
