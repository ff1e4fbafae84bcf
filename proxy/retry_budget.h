// RetryBudget: keeps retries from multiplying an outage.
#pragma once

#include <atomic>
#include <cstdint>

namespace edge {

struct RetryBudgetSettings {
  std::uint32_t percent = 20;    // of requests may be sent again
  std::uint32_t per_second = 5;  // and so many more, for upstreams with few requests
  std::uint32_t most = 100;      // that may be saved up
};

/// One for each upstream, shared by all loops, from any thread, without locks. Begins full.
class RetryBudget {
 public:
  explicit RetryBudget(RetryBudgetSettings settings = {});
  RetryBudget(const RetryBudget&) = delete;
  RetryBudget& operator=(const RetryBudget&) = delete;

  /// A request begins: its share is put in.
  void request();
  /// Whether a request may be sent once more; takes it out of the budget. `now`: milliseconds, Loop::now().
  bool try_retry(std::uint64_t now);

  /// How many would be let through, but for what time adds.
  std::uint64_t left() const {
    const std::int64_t saved = saved_.load(std::memory_order_relaxed);
    return saved > 0 ? static_cast<std::uint64_t>(saved) / 1'000 : 0;
  }
  /// Retries that were let through and refused, since the start.
  std::uint64_t retried() const { return retried_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  void put_in(std::int64_t thousandths);
  void put_in_for_time(std::uint64_t now);

  const RetryBudgetSettings settings_;
  std::atomic<std::int64_t> saved_;  // thousandths of a retry
  std::atomic<std::uint64_t> filled_at_{0};
  std::atomic<std::uint64_t> retried_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace edge
