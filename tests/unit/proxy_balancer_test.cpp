// Balancer: how each method shares requests out, and who is asked when servers fail, are full or are backups.
#include "proxy/balancer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/balanced_servers.h"

using namespace edge;
using test::Balanced;
using test::make_members;
using Counts = std::vector<std::size_t>;

namespace {

NoServer refusal(Balanced& balanced) {
  const std::expected<ServerUse, NoServer> use = balanced.pick();
  REQUIRE_FALSE(use);
  return use.error();
}

void answer(Balanced& balanced, std::size_t number, Microseconds latency) {
  balanced.server(number).note_success(balanced.now, balanced.now, latency);
}

/// Whether `count` is within a twentieth of `of` around `expected`.
bool is_near(std::size_t count, std::size_t expected, std::size_t of) {
  return count + of / 20 >= expected && count <= expected + of / 20;
}

}  // namespace

TEST_SUITE("balancer methods") {
  TEST_CASE("round robin gives each server its weight, exactly over a round") {
    Balanced balanced(make_members({5, 1, 1}));
    CHECK(balanced.counts(7) == Counts{5, 1, 1});
    CHECK(balanced.counts(700) == Counts{500, 100, 100});
  }

  TEST_CASE("round robin spreads the turns of a heavy server") {
    Balanced balanced(make_members({4, 4}));
    std::size_t last = balanced.pick_number();
    for (int i = 0; i < 20; ++i) {
      const std::size_t next = balanced.pick_number();
      CHECK(next != last);
      last = next;
    }
  }

  TEST_CASE("loops do not all begin with the same server") {
    std::vector<std::size_t> firsts(4);
    for (std::uint32_t seed = 1; seed <= 64; ++seed)
      ++firsts[Balanced(make_members({1, 1, 1}), {}, seed * 7'919).pick_number()];
    CHECK(firsts[0] == 0);
    for (std::size_t i = 1; i <= 3; ++i) CHECK(firsts[i] >= 5);
  }

  TEST_CASE("least connections asks the server with the fewest requests for its weight, equals in turn") {
    Balanced balanced(make_members({1, 1, 2}), {.method = BalanceMethod::least_conn});
    std::vector<ServerUse> held;
    Counts counts(4);
    for (int i = 0; i < 40; ++i) {
      std::expected<ServerUse, NoServer> use = balanced.pick();
      REQUIRE(use);
      ++counts[balanced.number_of(**use)];
      held.push_back(std::move(*use));
    }
    CHECK(counts == Counts{0, 10, 10, 20});
    std::erase_if(held, [&](const ServerUse& use) { return balanced.number_of(*use) == 2; });
    CHECK(balanced.server(2).in_flight() == 0);
    CHECK(balanced.server(1).in_flight() == 10);
    for (int i = 0; i < 5; ++i) CHECK(balanced.pick_number() == 2);
  }

  TEST_CASE("least connections goes by weight while nothing is in flight") {
    Balanced balanced(make_members({1, 3}), {.method = BalanceMethod::least_conn});
    CHECK(balanced.counts(8) == Counts{2, 6});
  }

  TEST_CASE("two random choices go by weight while servers are alike") {
    Balanced balanced(make_members({1, 1, 2}), {.method = BalanceMethod::random});
    const Counts counts = balanced.counts(8'000);
    CHECK(is_near(counts[0], 2'000, 8'000));
    CHECK(is_near(counts[1], 2'000, 8'000));
    CHECK(is_near(counts[2], 4'000, 8'000));
  }

  TEST_CASE("two random choices leave the slowest server of three only what it is compared with itself for") {
    Balanced balanced(make_members({1, 1, 1}), {.method = BalanceMethod::random});
    answer(balanced, 1, Microseconds(1'000));
    answer(balanced, 2, Microseconds(1'100));
    answer(balanced, 3, Microseconds(50'000));
    const Counts counts = balanced.counts(3'000);
    CHECK(counts[2] == 0);
    CHECK(is_near(counts[0], 2'000, 3'000));
    balanced.now += 70'000;  // nothing was heard meanwhile: 50 ms are 0.39 ms by now
    answer(balanced, 1, Microseconds(1'000));
    answer(balanced, 2, Microseconds(1'100));
    CHECK(balanced.counts(100)[2] > 0);
  }

  TEST_CASE("two random choices count requests in flight where a latency is not known") {
    Balanced balanced(make_members({1, 1}), {.method = BalanceMethod::random});
    answer(balanced, 1, Microseconds(50'000));
    std::vector<ServerUse> held;
    for (int i = 0; i < 40; ++i) held.push_back(std::move(*balanced.pick()));
    CHECK(balanced.server(1).in_flight() == 20);
    CHECK(balanced.server(2).in_flight() == 20);
  }

  TEST_CASE("an address hash keeps a network on one server, and clients without an address take turns") {
    Balanced balanced(make_members({1, 1, 1, 1}), {.method = BalanceMethod::ip_hash});
    balanced.client = *Address::from_ip("192.0.2.1");
    const std::size_t home = balanced.pick_number();
    balanced.client = *Address::from_ip("192.0.2.200");
    CHECK(balanced.pick_number() == home);
    balanced.client = *Address::from_ip("2001:db8:0:1::1");
    const std::size_t home6 = balanced.pick_number();
    balanced.client = *Address::from_ip("2001:db8:0:1:ffff::9");
    CHECK(balanced.pick_number() == home6);
    Counts counts(5);
    for (int i = 0; i < 250; ++i) {
      balanced.client = *Address::from_ip("10.1." + std::to_string(i) + ".1");
      ++counts[balanced.pick_number()];
    }
    for (std::size_t i = 1; i <= 4; ++i) CHECK(counts[i] > 25);
    balanced.client = {};
    CHECK(balanced.counts(4) == Counts{1, 1, 1, 1});
  }

  TEST_CASE("a key hash keeps a key, and an empty key takes turns") {
    Balanced balanced(make_members({1, 1, 1}), {.method = BalanceMethod::hash});
    const std::size_t home = balanced.pick_number("/a");
    for (int i = 0; i < 10; ++i) CHECK(balanced.pick_number("/a") == home);
    CHECK(balanced.counts(3) == Counts{1, 1, 1});
    balanced.eject(home);
    const std::size_t next = balanced.pick_number("/a");
    CHECK(next != home);
    CHECK(balanced.pick_number("/a") == next);
  }

  TEST_CASE("debts stay with their servers when the group is replaced") {
    Balanced balanced(make_members({1, 1, 1}));
    balanced.tried.add(balanced.server(1));
    balanced.tried.add(balanced.server(2));
    for (int i = 0; i < 4; ++i) CHECK(balanced.pick_number() == 3);
    balanced.tried = {};
    const ServerGroup larger({balanced.members[2], balanced.members[0], {.server = test::make_server(9)}}, false);
    Counts counts(4);
    for (int i = 0; i < 9; ++i) {
      const auto use = balanced.balancer.pick(larger, {.now = balanced.now, .tried = balanced.tried});
      REQUIRE(use);
      ++counts[balanced.number_of(**use)];
    }
    CHECK(counts == Counts{3, 3, 0, 3});
  }
}

TEST_SUITE("balancer resort") {
  TEST_CASE("an empty group says that no name was resolved") {
    Balanced balanced({});
    CHECK(refusal(balanced) == NoServer::no_address);
  }

  TEST_CASE("what is down is never asked, not even as the last one or by a cookie") {
    Balanced balanced(make_members({1, 1}));
    std::vector<ServerGroup::Member> members = balanced.members;
    members[0].down = true;
    Balanced with_down(members);
    CHECK(with_down.counts(4) == Counts{0, 4});
    CHECK(with_down.pick_number({}, members[0].server.get()) == 2);
    with_down.server(2).hold_down();
    CHECK(refusal(with_down) == NoServer::none_alive);
  }

  TEST_CASE("a backup is asked only while no other is alive, or when the others were tried") {
    std::vector<ServerGroup::Member> members = make_members({1, 1, 1});
    members[2].backup = true;
    Balanced balanced(members);
    CHECK(balanced.counts(10) == Counts{5, 5, 0});
    balanced.eject(1);
    CHECK(balanced.counts(10) == Counts{0, 10, 0});
    balanced.eject(2);
    CHECK(balanced.counts(10) == Counts{0, 0, 10});
    balanced.server(1).let_up(balanced.now);
    balanced.tried.add(balanced.server(1));
    CHECK(balanced.pick_number() == 3);
  }

  TEST_CASE("a full server waits rather than that a backup is asked") {
    std::vector<ServerGroup::Member> members = make_members({1, 1});
    members[0].max_connections = 2;
    members[1].backup = true;
    Balanced balanced(members);
    std::expected<ServerUse, NoServer> one = balanced.pick();
    const std::expected<ServerUse, NoServer> two = balanced.pick();
    REQUIRE((one && two));
    CHECK(balanced.number_of(**two) == 1);
    CHECK(refusal(balanced) == NoServer::all_full);
    one->end();
    CHECK(balanced.pick_number() == 1);
  }

  TEST_CASE("when all are ejected, ejection is ignored, but not the health check") {
    Balanced balanced(make_members({1, 1, 1}));
    for (std::size_t i = 1; i <= 3; ++i) balanced.eject(i);
    CHECK(balanced.counts(6) == Counts{2, 2, 2});
    balanced.server(2).hold_down();
    CHECK(balanced.counts(6) == Counts{3, 0, 3});
  }

  TEST_CASE("an ejected server is asked before a request is refused, and each only once") {
    Balanced balanced(make_members({1, 1}));
    balanced.eject(1);
    balanced.tried.add(balanced.server(2));
    CHECK(balanced.pick_number() == 1);
    balanced.tried.add(balanced.server(1));
    CHECK(refusal(balanced) == NoServer::all_tried);
  }

  TEST_CASE("one request tries a server after its rest, the others go elsewhere") {
    Balanced balanced(make_members({1, 1}));
    balanced.eject(1);
    balanced.now += 10'000;
    const Counts counts = balanced.counts(50);
    CHECK(counts == Counts{1, 49});
    balanced.now += 10'000;  // nothing came of it: the next may try
    CHECK(balanced.counts(50) == Counts{1, 49});
  }

  TEST_CASE("a cookie's server is kept while it is alive and has room, also a backup") {
    std::vector<ServerGroup::Member> members = make_members({1, 1, 1});
    members[2].backup = true;
    members[1].max_connections = 1;
    Balanced balanced(members);
    for (int i = 0; i < 5; ++i) CHECK(balanced.pick_number({}, &balanced.server(3)) == 3);
    for (int i = 0; i < 5; ++i) CHECK(balanced.pick_number({}, &balanced.server(1)) == 1);
    const std::expected<ServerUse, NoServer> held = balanced.pick({}, &balanced.server(2));
    REQUIRE((held && balanced.number_of(**held) == 2));
    CHECK(balanced.pick_number({}, &balanced.server(2)) == 1);
    balanced.eject(3);
    CHECK(balanced.pick_number({}, &balanced.server(3)) == 1);
  }

  TEST_CASE("a server that came back gets more turns from second to second") {
    Balanced balanced(make_members({1, 1}), {.slow_start = Milliseconds(10'000)});
    balanced.server(1).let_up(balanced.now);
    CHECK(is_near(balanced.counts(1'000)[0], 20, 1'000));
    balanced.now += 5'000;
    CHECK(is_near(balanced.counts(1'000)[0], 333, 1'000));
    balanced.now += 5'000;
    CHECK(is_near(balanced.counts(1'000)[0], 500, 1'000));
  }

  TEST_CASE("refusals are in words") {
    CHECK(text_of(NoServer::no_address) == "none of its servers' names has been resolved yet");
    CHECK(text_of(NoServer::none_alive) == "all of its servers are down");
    CHECK(text_of(NoServer::all_tried) == "all of its servers that are alive were tried");
    CHECK(text_of(NoServer::all_full) == "all of its servers are at max_connections");
  }
}
