// edge.max_connections: counted over all loops before a client is accepted.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "core/http/door.h"
#include "core/net/listener.h"
#include "support/arrival.h"
#include "support/captured_log.h"

using namespace edge;

namespace {

/// A loop with a door that listens, and turns when the test says so.
struct Listening {
  explicit Listening(ConnectionLimit& limit) : door(loop, limit) {
    std::vector<std::unique_ptr<Site>> sites;
    sites.push_back(std::make_unique<Site>());
    entrance = &door.open(std::make_shared<Router>(std::move(sites)));
    UniqueFd socket = open_tcp_listener(*Address::parse("127.0.0.1:0"), 16, PortUse::alone).value();
    address = bound_address(socket.get());
    listening = socket.get();
    door.listen(*entrance, std::move(socket), address);
  }
  ~Listening() {
    door.stop([] {});
    door.kill();
    while (door.connections() > 0) turn();
  }
  /// A client whose request has begun, so that it does not give way.
  UniqueFd connect_busy() const {
    UniqueFd client = connect();
    REQUIRE(::send(client.get(), "GET ", 4, MSG_NOSIGNAL) == 4);
    return client;
  }
  UniqueFd connect() const {
    UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage where{};
    const unsigned size = address.to_sockaddr(where);
    REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&where), size) == 0);
    return client;
  }
  void turn() { uv_run(loop.uv(), UV_RUN_NOWAIT); }
  void turn_until(std::size_t connections) {
    while (door.connections() < connections) turn();
  }

  Loop loop{0};
  Door door;
  Entrance* entrance;
  Address address;
  int listening;
};

bool ended(const UniqueFd& client) {
  char byte;
  const ssize_t got = ::recv(client.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno == ECONNRESET);
}

}  // namespace

TEST_CASE("max_connections: a loop does not accept what another has left no room for") {
  test::CapturedLog log;
  ConnectionLimit limit;
  limit.most = 2;
  Listening one(limit);
  Listening other(limit);
  const UniqueFd first = one.connect_busy();
  const UniqueFd second = one.connect_busy();
  one.turn_until(2);
  UniqueFd third = other.connect();
  while (!log.contains("new ones wait")) other.turn();
  CHECK(other.door.connections() == 0);
  CHECK(limit.open == 2);
  CHECK(log.contains("warn 2 connections are open (edge.max_connections): new ones wait"));

  one.door.kill();
  while (one.door.connections() > 0) one.turn();
  while (other.door.connections() == 0) uv_run(other.loop.uv(), UV_RUN_ONCE);  // it looks again by itself
  CHECK(limit.open == 1);
  while (other.door.connections() > 0) {
    third = UniqueFd();
    other.turn();
  }
  CHECK(limit.open == 0);
}

TEST_CASE("max_connections: who has been idle longest gives way to a newcomer, and who has begun a request does not") {
  test::CapturedLog log;
  ConnectionLimit limit;
  limit.most = 3;
  Listening one(limit);
  const UniqueFd busy = one.connect_busy();
  one.turn_until(1);
  const UniqueFd first = one.connect();
  one.turn_until(2);
  const UniqueFd second = one.connect();
  one.turn_until(3);
  CHECK_FALSE(ended(first));
  const UniqueFd newcomer = one.connect();
  one.turn();
  CHECK_FALSE(ended(first));  // which has only just connected itself
  while (!ended(first)) one.turn();
  CHECK_FALSE(ended(second));
  CHECK_FALSE(ended(newcomer));
  CHECK_FALSE(ended(busy));
  one.turn_until(3);
  CHECK(limit.open == 3);
  CHECK(log.contains("warn 3 connections are open (edge.max_connections): idle ones are closed for new ones"));

  REQUIRE(::send(second.get(), "GET ", 4, MSG_NOSIGNAL) == 4);  // which no turn has seen when the next one comes
  const UniqueFd next = one.connect();
  while (!ended(newcomer)) one.turn();
  CHECK_FALSE(ended(second));
  CHECK(limit.open == 3);
}

TEST_CASE("max_connections: a limit that was lowered below what is under way lets newcomers take idle places still") {
  test::CapturedLog log;
  ConnectionLimit limit;
  limit.most = 3;
  Listening one(limit);
  const UniqueFd busy = one.connect_busy();
  const UniqueFd other = one.connect_busy();
  one.turn_until(2);
  const UniqueFd idle = one.connect();
  one.turn_until(3);
  limit.most = 1;
  const UniqueFd newcomer = one.connect();
  while (!ended(idle)) one.turn();
  one.turn_until(3);
  CHECK_FALSE(ended(newcomer));
  CHECK_FALSE(ended(busy));
  CHECK_FALSE(ended(other));
  CHECK(limit.open == 3);
}

TEST_CASE("max_connections: a loop without idle clients asks the others for one") {
  ConnectionLimit limit;
  limit.most = 2;
  Listening one(limit);
  Listening busy_one(limit);
  Listening full(limit);
  const UniqueFd busy = busy_one.connect_busy();
  const UniqueFd idle = one.connect();
  busy_one.turn_until(1);
  one.turn_until(1);
  const UniqueFd newcomer = full.connect();
  while (full.door.connections() == 0) {
    for (Listening* each : {&one, &busy_one, &full}) each->turn();
  }
  REQUIRE(test::comes(idle.get()));
  CHECK(ended(idle));
  CHECK_FALSE(ended(busy));
  CHECK_FALSE(ended(newcomer));
  CHECK(limit.open == 2);
}

TEST_CASE("max_connections: a loop that is asked comes down to a limit that was lowered") {
  test::CapturedLog log;
  ConnectionLimit limit;
  limit.most = 6;
  Listening one(limit);
  Listening full(limit);
  const UniqueFd busy = full.connect_busy();
  full.turn_until(1);
  std::vector<UniqueFd> idle;
  while (idle.size() < 5) idle.push_back(one.connect());
  one.turn_until(5);
  limit.most = 2;
  const UniqueFd newcomer = full.connect();
  while (full.door.connections() < 2) {
    one.turn();
    full.turn();
  }
  while (one.door.connections() > 0) one.turn();
  CHECK_FALSE(ended(busy));
  CHECK_FALSE(ended(newcomer));
  CHECK(limit.open == 2);
}

TEST_CASE("max_connections: nobody gives way while nobody waits") {
  ConnectionLimit limit;
  limit.most = 1;
  Listening one(limit);
  const UniqueFd only = one.connect();
  one.turn_until(1);
  for (int i = 0; i < 5; ++i) one.turn();
  CHECK(limit.open == 1);
  CHECK_FALSE(ended(only));
}

TEST_CASE("max_connections: what waits in the backlog of an address that closes is taken all the same") {
  ConnectionLimit limit;
  limit.most = 1;
  Listening one(limit);
  const UniqueFd first = one.connect_busy();
  one.turn_until(1);
  const UniqueFd second = one.connect();
  one.turn();
  CHECK(one.door.connections() == 1);
  REQUIRE(test::comes(one.listening));
  one.door.close(*one.entrance);
  CHECK(one.door.connections() == 2);
  CHECK(limit.open == 2);
}
