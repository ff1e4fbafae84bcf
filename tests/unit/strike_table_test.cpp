// StrikeTable: how many within how long, for whom, and how much it remembers.
#include "core/strike_table.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <thread>
#include <vector>

using namespace edge;

namespace {

constexpr StrikeTable::Rule kRule{.id = 1, .count = 5, .window = 60'000};

Address ip(std::string_view text) {
  return *Address::from_ip(text);
}

Address numbered(std::uint32_t number) {
  Address address;
  address.family = Address::Family::ipv4;
  for (int i = 0; i < 4; ++i) address.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> 8 * i);
  return address;
}

/// How many of `times` strikes, so far apart, it takes until one is enough; 0: none is.
int needed(StrikeTable& table, const Address& client, std::uint64_t from, std::uint64_t apart, int times) {
  for (int i = 0; i < times; ++i) {
    if (table.strike(client, kRule, from + static_cast<std::uint64_t>(i) * apart)) return i + 1;
  }
  return 0;
}

}  // namespace

TEST_CASE("strike table: as many as the rule names within its window, however they lie in it") {
  for (const std::uint64_t from : {0ULL, 1ULL, 59'999ULL, 1'234'567ULL}) {
    StrikeTable table;
    CHECK(needed(table, ip("192.0.2.1"), from, 0, 10) == 5);
    CHECK(needed(table, ip("192.0.2.2"), from, 13'000, 10) == 5);  // 52 s in all, within 7/8 of the window
    CHECK(needed(table, ip("192.0.2.3"), from, 15'001, 100) == 0);
  }
}

TEST_CASE("strike table: after a ban and after a pause it begins anew") {
  StrikeTable table;
  CHECK(needed(table, ip("192.0.2.1"), 0, 1, 10) == 5);
  CHECK(needed(table, ip("192.0.2.1"), 10, 1, 4) == 0);
  CHECK(needed(table, ip("192.0.2.1"), 10'000'000, 1, 10) == 5);
}

TEST_CASE("strike table: clients and rules count apart, and an IPv6 network of 64 bits is one client") {
  StrikeTable table;
  CHECK(needed(table, ip("192.0.2.1"), 0, 1, 4) == 0);
  CHECK(needed(table, ip("192.0.2.2"), 0, 1, 4) == 0);
  StrikeTable::Rule other = kRule;
  other.id = 2;
  CHECK_FALSE(table.strike(ip("192.0.2.1"), other, 5));
  CHECK(table.strike(ip("192.0.2.1"), kRule, 5));
  CHECK(needed(table, ip("2001:db8::1"), 0, 1, 4) == 0);
  CHECK_FALSE(table.strike(ip("2001:db8:0:1::1"), kRule, 5));
  CHECK(table.strike(ip("2001:db8::ffff:1"), kRule, 5));
  CHECK(client_network(ip("2001:db8:1:2:3:4:5:6")).text() == "2001:db8:1:2::/64");
  CHECK(client_network(ip("192.0.2.1")).text() == "192.0.2.1");
}

TEST_CASE("strike table: its memory is bounded, and who strikes is not forgotten for who does not") {
  StrikeTable table;
  constexpr std::uint32_t kMany = 4 * StrikeTable::kMostClients;
  CHECK_FALSE(table.strike(ip("192.0.2.1"), kRule, 0));
  int struck = 1;
  bool enough = false;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    table.strike(numbered(i), kRule, 1);
    if (i % (kMany / 100) == 0 && !enough) enough = table.strike(ip("192.0.2.1"), kRule, 1), ++struck;
  }
  CHECK(struck == 5);
  CHECK(table.size() <= StrikeTable::kMostClients);
  CHECK(table.size() > StrikeTable::kMostClients * 9 / 10);
}

TEST_CASE("strike table: loops strike at the same time, and none is lost") {
  StrikeTable table;
  StrikeTable::Rule rule = kRule;
  rule.count = 40'000;
  std::atomic<int> bans = 0;
  {
    std::vector<std::jthread> loops;
    for (int i = 0; i < 4; ++i) {
      loops.emplace_back([&] {
        for (int strike = 0; strike < 10'000; ++strike) bans += table.strike(ip("192.0.2.1"), rule, 1) ? 1 : 0;
      });
    }
  }
  CHECK(bans == 1);
}
