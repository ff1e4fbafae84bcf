// RetryBudget: generous for a stray failure, a fifth of the requests in an outage.
#include "proxy/retry_budget.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace edge;

TEST_SUITE("retry budget") {
  TEST_CASE("a burst of failures is retried whole") {
    RetryBudget budget;
    for (int i = 0; i < 100; ++i) CHECK(budget.try_retry(1));
    CHECK_FALSE(budget.try_retry(1));
    CHECK(budget.retried() == 100);
    CHECK(budget.refused() == 1);
  }

  TEST_CASE("in an outage retries are a fifth of the requests and a few a second") {
    RetryBudget budget({.percent = 20, .per_second = 5, .most = 100});
    constexpr std::uint64_t kSeconds = 20;
    for (std::uint64_t now = 1'000'000; now < 1'000'000 + kSeconds * 1'000; ++now) {  // a thousand requests a second
      budget.request();
      budget.try_retry(now);
    }
    const std::uint64_t most = 100 + 100 + kSeconds * (200 + 5) + 5;  // saved up, filled by time before, and then
    CHECK(budget.retried() <= most);
    CHECK(budget.retried() >= kSeconds * 200);
  }

  TEST_CASE("an upstream with few requests may retry a few a second, and saves up no more than its bound") {
    RetryBudget budget({.percent = 20, .per_second = 5, .most = 10});
    for (int i = 0; i < 10; ++i) CHECK(budget.try_retry(1'000));
    CHECK_FALSE(budget.try_retry(1'199));
    CHECK(budget.try_retry(1'200));
    CHECK_FALSE(budget.try_retry(1'200));
    for (int i = 0; i < 10; ++i) CHECK(budget.try_retry(100'000'000));
    CHECK_FALSE(budget.try_retry(100'000'000));
  }

  TEST_CASE("a clock of another loop that is a little behind takes nothing out") {
    RetryBudget budget({.percent = 0, .per_second = 1'000, .most = 1});
    CHECK(budget.try_retry(1'000));
    CHECK_FALSE(budget.try_retry(990));
    CHECK(budget.try_retry(1'001));
  }

  TEST_CASE("loops that retry at once do not overdraw it") {
    RetryBudget budget({.percent = 0, .per_second = 0, .most = 100});
    std::atomic<int> granted = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int turn = 0; turn < 1'000; ++turn) granted += budget.try_retry(1) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(granted == 100);
  }
}
