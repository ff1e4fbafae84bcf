// IdleConnections: which are kept, which are handed out, and which must never be.
#include "proxy/idle_connections.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <functional>
#include <string>

#include "support/far_server.h"

using namespace edge;
using namespace edge::test;

namespace {

constexpr Milliseconds kMinute{60'000};

/// A server, and connections to it that have served a request.
struct Served {
  FarServer server;
  ServerPair first{server};
  Loop& loop = first.loop;

  struct Ends {
    ServerConnection::Pointer near;
    FarEnd far;
  };
  Ends one_more() {
    Cancellation cancellation;
    auto made = finish(loop, ServerConnection::connect(loop, server.endpoint, kMinute, cancellation));
    REQUIRE(made);
    return {std::move(*made), server.accept()};
  }
  void turns(int count = 20) {
    for (int turn = 0; turn < count; ++turn) first.turn();
  }
  /// At most some five seconds.
  void turns_until(const std::function<bool()>& done) {
    for (int turn = 0; turn < 5000 && !done(); ++turn) {
      first.turn();
      if (turn > 20) ::poll(nullptr, 0, 1);
    }
  }
};

}  // namespace

TEST_CASE("idle connections: the last one in is the first one out, with a new exchange") {
  Served served;
  IdleConnections idle(4, kMinute);
  CHECK(!idle.take());
  auto second = served.one_more();
  ServerConnection* const first = served.first.near.get();
  ServerConnection* const last = second.near.get();
  REQUIRE(served.first.send("request"));
  REQUIRE(served.first.far.hear(7) == "request");
  served.first.far.say("answer");
  REQUIRE(served.first.receive() == "answer");
  idle.put(std::move(served.first.near));
  idle.put(std::move(second.near));
  served.turns();
  CHECK(idle.size() == 2);
  const ServerConnection::Pointer newest = idle.take();
  CHECK(newest.get() == last);
  served.first.near = idle.take();
  REQUIRE(served.first.near.get() == first);
  CHECK(idle.size() == 0);
  CHECK(first->reused());
  CHECK(first->bytes().sent == 0);
  CHECK(first->bytes().received == 0);
  CHECK(!first->has_sent());
  REQUIRE(served.first.send("next"));
  CHECK(first->has_sent());
}

TEST_CASE("idle connections: no more than are wanted, the oldest goes") {
  Served served;
  auto second = served.one_more();
  IdleConnections one(1, kMinute);
  one.put(std::move(served.first.near));
  one.put(std::move(second.near));
  CHECK(one.size() == 1);
  served.turns();
  CHECK(served.first.far.ends());
  second.far.hear();
  CHECK(!second.far.ended());
  IdleConnections none(0, kMinute);
  none.put(one.take());
  CHECK(none.size() == 0);
  served.turns();
  CHECK(second.far.ends());
}

TEST_CASE("idle connections: one that the server ends, resets or speaks on is closed at once") {
  const auto kept_after = [](void (*what)(FarEnd& far)) {
    Served served;
    IdleConnections idle(4, kMinute);
    idle.put(std::move(served.first.near));
    served.turns();
    CHECK(idle.size() == 1);
    what(served.first.far);
    served.turns_until([&] { return idle.size() == 0; });
    return idle.size();
  };
  CHECK(kept_after([](FarEnd& far) { far.leave(); }) == 0);
  CHECK(kept_after([](FarEnd& far) { far.end_sending(); }) == 0);
  CHECK(kept_after([](FarEnd& far) { far.reset(); }) == 0);
  CHECK(kept_after([](FarEnd& far) { far.say("HTTP/1.1 408 Request Timeout\r\n"); }) == 0);
}

TEST_CASE("idle connections: the end that comes right before it is taken is seen") {
  for (const bool with_bytes : {false, true}) {
    Served served;
    auto second = served.one_more();
    IdleConnections idle(4, kMinute);
    ServerConnection* const first = served.first.near.get();
    const int last = second.near->fd();
    idle.put(std::move(served.first.near));
    idle.put(std::move(second.near));
    served.turns();
    if (with_bytes) second.far.say("x");
    if (!with_bytes) second.far.leave();
    REQUIRE(comes(last));
    const ServerConnection::Pointer taken = idle.take();  // no turn of the loop between
    CHECK(taken.get() == first);
    CHECK(idle.size() == 0);
  }
}

TEST_CASE("idle connections: how many there are is told, whatever becomes of them") {
  Served served;
  auto second = served.one_more();
  auto third = served.one_more();
  const auto count = std::make_shared<Server::IdleCount>(0);
  {
    IdleConnections idle(2, kMinute, count);
    idle.put(std::move(served.first.near));
    idle.put(std::move(second.near));
    CHECK(*count == 2);
    idle.put(std::move(third.near));
    CHECK(*count == 2);
    CHECK(idle.take());
    CHECK(*count == 1);
    second.far.leave();
    served.turns_until([&] { return *count == 0; });
    CHECK(*count == 0);
    idle.put(served.one_more().near);
    CHECK(*count == 1);
  }
  CHECK(*count == 0);
}

TEST_CASE("idle connections: one with bytes that nobody asked for is not kept") {
  Served served;
  IdleConnections idle(4, kMinute);
  served.first.far.say("answer and more");
  CHECK(served.first.receive(kMinute, 6) == "answer");
  idle.put(std::move(served.first.near));
  CHECK(idle.size() == 0);
}

TEST_CASE("idle connections: none stays longer than it may") {
  Served served;
  IdleConnections idle(4, Milliseconds(5));
  idle.put(std::move(served.first.near));
  for (int turn = 0; turn < 1000 && idle.size() > 0; ++turn) uv_run(served.loop.uv(), UV_RUN_ONCE);
  CHECK(idle.size() == 0);
  served.turns();
  CHECK(served.first.far.ends());
}

TEST_CASE("idle connections: who must not repeat gets only one that is fresh, and others the rest") {
  Served served;
  IdleConnections idle(4, kMinute);
  auto second = served.one_more();
  ServerConnection* const old = served.first.near.get();
  ServerConnection* const fresh = second.near.get();
  idle.put(std::move(served.first.near));
  served.turns_until([&] { return old->rested() >= Milliseconds(30); });
  CHECK(!idle.take(Milliseconds(20)));
  idle.put(std::move(second.near));
  CHECK(idle.take(Milliseconds(20)).get() == fresh);
  CHECK(!idle.take(Milliseconds(20)));
  CHECK(idle.size() == 1);
  CHECK(idle.take().get() == old);
}

TEST_CASE("idle connections: clearing closes all") {
  Served served;
  {
    IdleConnections idle(4, kMinute);
    idle.put(std::move(served.first.near));
    idle.clear();
    CHECK(idle.size() == 0);
  }
  served.turns();
  CHECK(served.first.far.ends());
}
