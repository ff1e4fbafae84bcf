// LogPace: one line a second.
#include "core/log_pace.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

TEST_CASE("a pace lets the first line pass, and another a second later") {
  edge::LogPace pace;
  CHECK(pace.lets_pass(5));
  CHECK_FALSE(pace.lets_pass(5));
  CHECK_FALSE(pace.lets_pass(1'004));
  CHECK(pace.lets_pass(1'005));
  CHECK_FALSE(pace.lets_pass(2'004));
  CHECK(pace.lets_pass(9'000));
}

TEST_CASE("a pace that threads share lets one of them pass") {
  edge::SharedLogPace pace;
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { passed += pace.lets_pass(5) ? 1 : 0; });
  for (std::thread& thread : threads) thread.join();
  CHECK(passed == 1);
  CHECK_FALSE(pace.lets_pass(1'004));
  CHECK(pace.lets_pass(1'005));
}
