// nearest(): what counts as close enough to be meant.
#include "core/nearest.h"

#include <doctest/doctest.h>

#include <array>

using edge::nearest;

namespace {
constexpr std::array<std::string_view, 6> kKnown = {"processes", "threads", "host", "https", "queue", "a"};
}

TEST_CASE("nearest finds one letter left out, doubled, replaced or swapped") {
  CHECK(nearest("proceses", kKnown) == "processes");
  CHECK(nearest("threadds", kKnown) == "threads");
  CHECK(nearest("quete", kKnown) == "queue");
  CHECK(nearest("hots", kKnown) == "host");
  CHECK(nearest("THREADS", kKnown) == "threads");
}

TEST_CASE("nearest is silent when nothing is close") {
  CHECK(nearest("banana", kKnown).empty());
  CHECK(nearest("", kKnown).empty());
  CHECK(nearest("b", kKnown).empty());
  CHECK(nearest(std::string(10'000, 'x'), kKnown).empty());
  CHECK(nearest("host", {}).empty());
}

TEST_CASE("nearest prefers the smaller distance, then the order given") {
  CHECK(nearest("httpss", kKnown) == "https");
  constexpr std::array<std::string_view, 2> kTwins = {"cat", "bat"};
  CHECK(nearest("rat", kTwins) == "cat");
}
