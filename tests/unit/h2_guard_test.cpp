// The bucket of frames that ask for nothing: how many at once, how many later, and what is given back for answers.
#include "core/http/h2_guard.h"

#include <doctest/doctest.h>

using namespace edge;

namespace {

int how_many(H2Guard& guard, H2Guard::Kind kind, std::uint64_t now) {
  int passed = 0;
  while (passed < 100'000 && guard.lets_pass(kind, now)) ++passed;
  return passed;
}

}  // namespace

TEST_CASE("each kind of frame has its price") {
  const auto at_once = [](H2Guard::Kind kind) {
    H2Guard guard;
    return how_many(guard, kind, 1'000);
  };
  CHECK(at_once(H2Guard::Kind::reset) == 400);
  CHECK(at_once(H2Guard::Kind::settings) == 100);
  CHECK(at_once(H2Guard::Kind::window_update) == 2'000);
}

TEST_CASE("time fills the bucket, and never beyond its rim") {
  H2Guard guard;
  CHECK(how_many(guard, H2Guard::Kind::reset, 1'000) == 400);
  CHECK(how_many(guard, H2Guard::Kind::reset, 1'001) == 0);
  CHECK(how_many(guard, H2Guard::Kind::reset, 2'000) == 40);
  CHECK(how_many(guard, H2Guard::Kind::reset, 3'600'000) == 400);
}

TEST_CASE("many short looks fill it as one long one does") {
  H2Guard guard;
  CHECK(how_many(guard, H2Guard::Kind::reset, 1'000) == 400);
  int passed = 0;
  for (std::uint64_t now = 1'000; now <= 2'000; ++now) passed += how_many(guard, H2Guard::Kind::reset, now);
  CHECK(passed == 40);
}

TEST_CASE("who is sent content may open windows for it") {
  H2Guard guard;
  for (int frame = 0; frame < 100'000; ++frame) {
    guard.sent_data();
    REQUIRE(guard.lets_pass(H2Guard::Kind::window_update, 1'000));
    REQUIRE(guard.lets_pass(H2Guard::Kind::window_update, 1'000));
  }
}
