// LogPace: one line a second.
#include "core/log_pace.h"

#include <doctest/doctest.h>

TEST_CASE("a pace lets the first line pass, and another a second later") {
  edge::LogPace pace;
  CHECK(pace.lets_pass(5));
  CHECK_FALSE(pace.lets_pass(5));
  CHECK_FALSE(pace.lets_pass(1'004));
  CHECK(pace.lets_pass(1'005));
  CHECK_FALSE(pace.lets_pass(2'004));
  CHECK(pace.lets_pass(9'000));
}
