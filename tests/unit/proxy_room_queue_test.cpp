// RoomQueue: who is woken, and in which order.
#include "proxy/room_queue.h"

#include <doctest/doctest.h>

#include <string>

#include "core/task.h"
#include "support/balanced_servers.h"

using namespace edge;

namespace {

constexpr Milliseconds kPatience{20'000};

/// Waits until it has been woken `times` times, and writes its name each time.
struct Waiter {
  Waiter(RoomQueue& queue, char of, std::string& to, int many = 1)
      : name(of), woken(to), times(many), wait(queue, tried, kPatience, cancellation), task(run()) {}

  Task<void> run() {
    for (int left = times; left > 0; --left) {
      const RoomWait::Outcome outcome = co_await wait;
      CHECK(outcome == RoomWait::Outcome::room);
      woken += name;
    }
  }

  const char name;
  std::string& woken;
  const int times;
  TriedServers tried;
  Cancellation cancellation;
  RoomWait wait;
  Task<void> task;
};

const auto everybody = [](const TriedServers&) { return true; };

}  // namespace

TEST_SUITE("room queue") {
  TEST_CASE("who may not go where a place is sleeps on, in its place") {
    Loop loop;
    RoomQueue queue(loop);
    std::string woken;
    Waiter first(queue, 'a', woken);
    Waiter second(queue, 'b', woken);
    Waiter third(queue, 'c', woken);
    const auto server = test::make_server(1);
    first.tried.add(*server);
    queue.wake_while([] { return true; }, [&](const TriedServers& tried) { return !tried.has(*server); });
    CHECK(woken == "bc");
    CHECK(queue.size() == 1);
    queue.wake_while([] { return true; }, everybody);
    CHECK(woken == "bca");
    CHECK(queue.size() == 0);
  }

  TEST_CASE("who waits again is not woken twice, and keeps its place") {
    Loop loop;
    RoomQueue queue(loop);
    std::string woken;
    Waiter first(queue, 'a', woken, 2);
    Waiter second(queue, 'b', woken, 2);
    queue.wake_while([] { return true; }, everybody);
    CHECK(woken == "ab");
    queue.wake_while([&] { return woken.size() < 3; }, everybody);
    CHECK(woken == "aba");
    CHECK(queue.size() == 1);
    queue.wake_while([] { return true; }, everybody);
    CHECK(woken == "abab");
  }
}
