// House: an AppQueue with one worker whose threads the test plays, and tickets that count what they are told. Header
// only.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <memory>

#include "appserver/app_queue.h"

namespace edge::test {

struct TestTicket final : Ticket {
  explicit TestTicket(int loop = 0) : Ticket(loop) {}
  void on_granted(Slot& granted) override {
    slot = &granted;
    ++grants;
  }
  void on_refused() override { refused = true; }
  AppQueue::Outcome acquire(AppQueue& queue) { return queue.acquire(*this, slot); }
  void send() { REQUIRE(slot->mailbox.send({.sequence = sequence()}, "", "") == Mailbox::Sent::sent); }

  Slot* slot = nullptr;
  bool refused = false;
  int grants = 0;
};
using Outcome = AppQueue::Outcome;

/// So that a machine which is busy otherwise makes no request a long one.
inline constexpr std::chrono::hours kAnyWork{1};

/// One app with `threads` slots that are open.
struct House {
  explicit House(unsigned threads, AppQueue::Limits limits = {.work_ahead = kAnyWork}) : queue({&loop}, limits) {
    worker = *WorkerProcess::create(0, threads, 1);
    for (const auto& slot : worker->slots()) queue.open(*slot, 0);
  }
  ~House() {
    for (const auto& slot : worker->slots()) queue.close(*slot, 0);
  }
  Slot& slot(std::size_t i) { return *worker->slots()[i]; }
  /// Makes the service times of all slots known.
  void warm(std::size_t count) {
    std::deque<TestTicket> tickets(count);
    for (TestTicket& ticket : tickets) REQUIRE(ticket.acquire(queue) == Outcome::granted);
    for (TestTicket& ticket : tickets) queue.finish(ticket);
  }

  Loop loop{0};
  AppQueue queue;
  std::shared_ptr<WorkerProcess> worker;
};

}  // namespace edge::test
