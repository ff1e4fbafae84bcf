// AppQueue: threads that do not read their mailbox although they have nothing to answer.
#include <doctest/doctest.h>
#include <sys/mman.h>

#include <thread>

#include "appserver/app_queue.h"
#include "support/queue_house.h"

using namespace edge;
using namespace edge::test;
using namespace std::chrono_literals;

namespace {

/// What the worker writes of one thread.
class Shared {
 public:
  explicit Shared(House& house)
      : memory_(
            mmap(nullptr, sizeof(wire::SharedSlot), PROT_READ | PROT_WRITE, MAP_SHARED, house.worker->memory(), 0)) {
    REQUIRE(memory_ != MAP_FAILED);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { munmap(memory_, sizeof(wire::SharedSlot)); }
  wire::SharedSlot* operator->() const { return static_cast<wire::SharedSlot*>(memory_); }

 private:
  void* memory_;
};

/// Looks until something is found.
template <class Found>
AppQueue::Look look_until(House& house, Found found) {
  const auto begun = std::chrono::steady_clock::now();
  while (true) {
    AppQueue::Look look = house.queue.take_back_if_slow(house.slot(0), 0);
    if (found(look)) return look;
    if (std::chrono::steady_clock::now() - begun > 20s) throw std::runtime_error("it was never found");
    std::this_thread::yield();
  }
}

bool is_stuck(const AppQueue::Look& look) {
  return look.stuck;
}

std::uint32_t flags_of_next(House& house) {
  const std::optional<wire::RequestHeader> message = house.slot(0).mailbox.take_back();
  return message ? message->flags : 0;
}

}  // namespace

TEST_CASE("what an idle worker leaves unread goes to another idle one") {
  House house(2, {.waiting = 10, .work_ahead = kAnyWork});
  TestTicket ticket;
  REQUIRE(ticket.acquire(house.queue) == Outcome::granted);
  std::this_thread::sleep_for(100ms);
  house.queue.finish(ticket);  // its requests take long, which says nothing of one that was not begun
  REQUIRE(ticket.acquire(house.queue) == Outcome::granted);
  const auto sent = std::chrono::steady_clock::now();
  Slot* const frozen = ticket.slot;
  ticket.send();
  while (ticket.grants == 0) house.queue.take_back_if_slow(*frozen, 0);
  CHECK((ticket.grants == 1 && ticket.slot != frozen));
  CHECK(std::chrono::steady_clock::now() - sent < 700ms);
  house.queue.finish(ticket);
}

TEST_CASE("what a frozen worker leaves unread goes to a busy one, and nothing more to the frozen one") {
  House house(2, {.waiting = 10, .work_ahead = kAnyWork});
  house.warm(2);
  TestTicket first, running, next;
  REQUIRE(first.acquire(house.queue) == Outcome::granted);
  Slot& frozen = *first.slot;
  first.send();
  REQUIRE(running.acquire(house.queue) == Outcome::granted);
  Slot& busy = *running.slot;
  REQUIRE(&busy != &frozen);
  const auto sent = std::chrono::steady_clock::now();
  while (first.grants == 0) house.queue.take_back_if_slow(frozen, 0);
  CHECK(std::chrono::steady_clock::now() - sent >= AppQueue::kDeafLoop - 1ms);  // it may just have had no CPU
  CHECK(first.slot == &busy);
  REQUIRE(next.acquire(house.queue) == Outcome::granted);
  CHECK(next.slot == &busy);
  for (TestTicket* ticket : {&first, &running, &next}) house.queue.finish(*ticket);
}

TEST_CASE("a thread that left a request unread is asked until it has heard, or is stuck") {
  House house(1, {.waiting = 10, .blocked = 50ms, .work_ahead = kAnyWork});
  const Shared shared(house);
  shared->heard = 7;
  TestTicket ticket;
  REQUIRE(ticket.acquire(house.queue) == Outcome::granted);
  ticket.send();
  const auto sent = std::chrono::steady_clock::now();
  look_until(house, [&house](const AppQueue::Look&) { return house.queue.status().waiting == 1; });
  CHECK(ticket.grants == 0);  // nobody else is there
  SUBCASE("it reads again") {
    CHECK(flags_of_next(house) == wire::kAsk);
    shared->heard = 8;
    house.queue.take_back_if_slow(house.slot(0), 0);
    CHECK(ticket.grants == 1);
    house.queue.finish(ticket);
    std::this_thread::sleep_for(60ms);
    const AppQueue::Look look = house.queue.take_back_if_slow(house.slot(0), 0);
    CHECK((!look.stuck && !look.again));
  }
  SUBCASE("it never does") {
    const AppQueue::Look look = look_until(house, is_stuck);
    CHECK(std::chrono::steady_clock::now() - sent >= 50ms);
    CHECK((look.at == 0 && look.id.empty() && look.asked == 8));
    CHECK(look.again);
    std::this_thread::sleep_for(60ms);
    CHECK_FALSE(house.queue.take_back_if_slow(house.slot(0), 0).stuck);  // once is enough
    CHECK(house.queue.withdraw(ticket, AppQueue::Why::timed_out));
  }
}

TEST_CASE("a thread that is closed is not asked any more") {
  House house(1, {.waiting = 10, .work_ahead = kAnyWork});
  TestTicket ticket;
  REQUIRE(ticket.acquire(house.queue) == Outcome::granted);
  ticket.send();
  look_until(house, [&house](const AppQueue::Look&) { return house.queue.status().waiting == 1; });
  house.queue.close(house.slot(0), 0);
  CHECK_FALSE(house.slot(0).mailbox.take_back());
  CHECK_FALSE(house.queue.take_back_if_slow(house.slot(0), 0).again);
  CHECK(house.queue.withdraw(ticket, AppQueue::Why::left));
}

TEST_CASE("an app that goes on behind its answer gets nothing until it is back, or is stuck") {
  House house(1, {.waiting = 10, .blocked = 50ms, .work_ahead = kAnyWork});
  const Shared shared(house);
  TestTicket first, second;
  REQUIRE(first.acquire(house.queue) == Outcome::granted);
  shared->running = first.sequence();
  const auto answered = std::chrono::steady_clock::now();
  CHECK(house.queue.finish(first, "r-1"));
  CHECK_FALSE(house.queue.is_away(house.slot(0)));  // most are back at once
  const auto is_away = [&](const AppQueue::Look& look) { return look.again && house.queue.is_away(house.slot(0)); };
  look_until(house, is_away);
  CHECK(std::chrono::steady_clock::now() - answered >= AppQueue::kLongService);
  REQUIRE(second.acquire(house.queue) == Outcome::waiting);
  SUBCASE("it comes back") {
    shared->running = 0;
    CHECK_FALSE(house.queue.take_back_if_slow(house.slot(0), 0).stuck);
    CHECK_FALSE(house.queue.is_away(house.slot(0)));
    CHECK(second.grants == 1);
    house.queue.finish(second);
  }
  SUBCASE("it never does") {
    const AppQueue::Look look = look_until(house, is_stuck);
    CHECK(std::chrono::steady_clock::now() - answered >= 50ms);
    CHECK((look.at == shared->running && look.id == "r-1" && look.asked == 0));
    std::this_thread::sleep_for(60ms);
    CHECK_FALSE(house.queue.take_back_if_slow(house.slot(0), 0).stuck);
    CHECK(house.queue.withdraw(second, AppQueue::Why::left));
  }
}

TEST_CASE("nothing is to be looked at behind an answer whose app has returned") {
  House house(1);
  const Shared shared(house);
  TestTicket ticket;
  REQUIRE(ticket.acquire(house.queue) == Outcome::granted);
  SUBCASE("it has") {
    shared->running = 0;
  }
  SUBCASE("it is at the next request") {
    shared->running = ticket.sequence() + 1;
  }
  CHECK_FALSE(house.queue.finish(ticket));
}
