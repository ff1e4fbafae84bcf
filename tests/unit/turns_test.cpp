// Turns: at most so many at a time, a bounded queue in order, and clients that leave it.
#include "core/access/turns.h"

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

using namespace edge;

namespace {

/// Notes how an entry ended.
Task<void> enter(Turns& turns, Loop& loop, Cancellation& cancellation, std::optional<Turns::Entry>& to) {
  const Turns::Entry entry = co_await turns.enter(loop, cancellation);
  to = entry;
}

/// All that was posted is done.
void settle(Loop& loop) {
  loop.post([&loop] { loop.stop(); });
  loop.run();
}

struct Guest {
  Guest(Turns& turns, Loop& loop) : task(enter(turns, loop, cancellation, entry)) {}
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  Cancellation cancellation;
  std::optional<Turns::Entry> entry;
  Task<void> task;
};

}  // namespace

TEST_CASE("turns: who finds no turn waits, first come, first served; the queue has an end") {
  Loop loop;
  Turns turns(1, 2);
  Guest first(turns, loop);
  CHECK(first.entry == Turns::Entry::entered);
  Guest second(turns, loop);
  Guest third(turns, loop);
  Guest fourth(turns, loop);
  CHECK_FALSE(second.entry);
  CHECK_FALSE(third.entry);
  CHECK(fourth.entry == Turns::Entry::full);
  turns.leave();
  settle(loop);
  CHECK(second.entry == Turns::Entry::entered);
  CHECK_FALSE(third.entry);
  turns.leave();
  settle(loop);
  CHECK(third.entry == Turns::Entry::entered);
  turns.leave();
  CHECK(Guest(turns, loop).entry == Turns::Entry::entered);
}

TEST_CASE("turns: a client that leaves gives up its place") {
  Loop loop;
  Turns turns(1, 1);
  Guest first(turns, loop);
  Guest second(turns, loop);
  second.cancellation.request();
  CHECK(second.entry == Turns::Entry::gone);
  Guest third(turns, loop);
  CHECK_FALSE(third.entry);
  turns.leave();
  settle(loop);
  CHECK(third.entry == Turns::Entry::entered);
}

TEST_CASE("turns: a client that leaves as its turn comes hands it on") {
  Loop loop;
  Turns turns(1, 2);
  Guest first(turns, loop);
  Guest second(turns, loop);
  Guest third(turns, loop);
  turns.leave();
  second.cancellation.request();
  settle(loop);
  CHECK(second.entry == Turns::Entry::gone);
  settle(loop);
  CHECK(third.entry == Turns::Entry::entered);
  turns.leave();
  CHECK(Guest(turns, loop).entry == Turns::Entry::entered);
}

TEST_CASE("turns: a client that has left does not begin to wait") {
  Loop loop;
  Turns turns(1, 1);
  Cancellation gone;
  gone.request();
  std::optional<Turns::Entry> entry;
  const Task<void> task = enter(turns, loop, gone, entry);
  CHECK(entry == Turns::Entry::gone);
  CHECK(Guest(turns, loop).entry == Turns::Entry::entered);
}

namespace {

struct Crowd {
  Turns turns{2, 1000};
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::atomic<int> done = 0;
};

Task<void> visit(Crowd& crowd, Loop& loop, int& left) {
  Cancellation cancellation;
  const Turns::Entry entry = co_await crowd.turns.enter(loop, cancellation);
  if (entry == Turns::Entry::entered) {
    const int inside = ++crowd.inside;
    for (int most = crowd.most; most < inside && !crowd.most.compare_exchange_weak(most, inside);) {
    }
    const int rested = co_await loop.offload([] { return 1; });
    --crowd.inside;
    crowd.done += rested;
    crowd.turns.leave();
  }
  if (--left == 0) loop.stop();
}

}  // namespace

TEST_CASE("turns: loops on several threads share them") {
  Crowd crowd;
  std::latch both(2);  // neither loop gets the other's descriptors: libuv closes them where no sanitizer sees it
  const auto serve = [&crowd, &both] {
    Loop loop;
    both.arrive_and_wait();
    int left = 100;
    std::vector<Task<void>> visits;
    for (int i = 0; i < 100; ++i) visits.push_back(visit(crowd, loop, left));
    loop.run();
  };
  std::thread one(serve);
  std::thread two(serve);
  one.join();
  two.join();
  CHECK(crowd.done == 200);
  CHECK(crowd.most <= 2);
}
