// HashRing: shares, weights, what moves when a server goes, and the bound on its points.
#include "proxy/hash_ring.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace edge;

namespace {

constexpr std::size_t kKeys = 20'000;

std::vector<HashRing::Place> make_places(std::size_t count, std::uint32_t weight = 1) {
  std::vector<HashRing::Place> places;
  for (std::size_t i = 0; i < count; ++i) places.push_back({.name = "10.0.0." + std::to_string(i), .weight = weight});
  return places;
}

std::size_t home(const HashRing& ring, std::size_t key) {
  return ring.find("/item/" + std::to_string(key), [](std::size_t) { return true; });
}

std::vector<std::size_t> shares(const HashRing& ring, std::size_t places) {
  std::vector<std::size_t> counts(places);
  for (std::size_t key = 0; key < kKeys; ++key) ++counts[home(ring, key)];
  return counts;
}

}  // namespace

TEST_SUITE("hash ring") {
  TEST_CASE("equal servers get about equal shares, a heavier one more") {
    const std::vector<std::size_t> equal = shares(HashRing(make_places(5)), 5);
    for (const std::size_t count : equal) CHECK((count > kKeys / 5 * 7 / 10 && count < kKeys / 5 * 13 / 10));
    std::vector<HashRing::Place> places = make_places(3);
    places[0].weight = 3;
    const std::vector<std::size_t> weighted = shares(HashRing(places), 3);
    CHECK((weighted[0] > kKeys / 2 && weighted[0] < kKeys * 7 / 10));
  }

  TEST_CASE("only the keys of a server that goes move") {
    const HashRing before(make_places(10));
    const HashRing after(make_places(9));
    std::size_t moved = 0;
    for (std::size_t key = 0; key < kKeys; ++key) {
      const std::size_t old = home(before, key);
      const std::size_t now = home(after, key);
      if (old == now) continue;
      ++moved;
      CHECK(old == 9);
    }
    CHECK((moved > kKeys / 20 && moved < kKeys * 3 / 20));
  }

  TEST_CASE("a server that is passed over leaves its keys to many") {
    const HashRing ring(make_places(5));
    std::vector<std::size_t> heirs(5);
    for (std::size_t key = 0; key < kKeys; ++key) {
      const std::string text = "/item/" + std::to_string(key);
      const std::size_t heir = ring.find(text, [](std::size_t place) { return place != 2; });
      REQUIRE(heir != 2);
      if (home(ring, key) == 2)
        ++heirs[heir];
      else
        CHECK(heir == home(ring, key));
    }
    for (const std::size_t place : {0UL, 1UL, 3UL, 4UL}) CHECK(heirs[place] > kKeys / 100);
  }

  TEST_CASE("the order of the servers does not matter") {
    std::vector<HashRing::Place> places = make_places(4);
    const HashRing one(places);
    std::swap(places[0], places[3]);
    const HashRing other(places);
    for (std::size_t key = 0; key < 500; ++key) {
      const std::size_t at = home(other, key);
      CHECK(home(one, key) == (at == 0 ? 3 : at == 3 ? 0 : at));
    }
  }

  TEST_CASE("where nobody accepts, nobody is found") {
    const HashRing ring(make_places(3));
    CHECK(ring.find("/", [](std::size_t) { return false; }) == 3);
    CHECK(HashRing().find("/", [](std::size_t) { return true; }) == 0);
  }

  TEST_CASE("points are bounded, and even the lightest server has one") {
    std::vector<HashRing::Place> places = make_places(1'000, 1'000);
    places[7].weight = 1;
    const HashRing ring(places);
    CHECK(ring.size() <= 201'000);
    bool seen = false;
    for (std::size_t key = 0; key < 10 && !seen; ++key)
      seen = ring.find(std::to_string(key), [](std::size_t place) { return place == 7; }) == 7;
    CHECK(seen);
    CHECK(HashRing(make_places(3)).size() == 480);
  }
}
