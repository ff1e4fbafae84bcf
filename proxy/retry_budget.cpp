// A bucket that requests and time fill, and retries empty.
#include "proxy/retry_budget.h"

#include <algorithm>

namespace edge {
namespace {

constexpr std::int64_t kOne = 1'000;  // thousandths of a retry
constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

RetryBudget::RetryBudget(RetryBudgetSettings settings) : settings_(settings), saved_(kOne * settings.most) {}

void RetryBudget::request() {
  put_in(std::int64_t{10} * settings_.percent);
}

/// A full bucket, which is the rule, is only read.
void RetryBudget::put_in(std::int64_t thousandths) {
  const std::int64_t most = kOne * settings_.most;
  std::int64_t saved = saved_.load(kRelaxed);
  while (saved < most && !saved_.compare_exchange_weak(saved, std::min(saved + thousandths, most), kRelaxed)) {
  }
}

void RetryBudget::put_in_for_time(std::uint64_t now) {
  std::uint64_t since = filled_at_.load(kRelaxed);
  if (now <= since || !filled_at_.compare_exchange_strong(since, now, kRelaxed)) return;
  const std::uint64_t milliseconds = std::min<std::uint64_t>(now - since, 3'600'000);
  put_in(static_cast<std::int64_t>(milliseconds * settings_.per_second));
}

bool RetryBudget::try_retry(std::uint64_t now) {
  put_in_for_time(now);
  std::int64_t saved = saved_.load(kRelaxed);
  while (saved >= kOne) {
    if (!saved_.compare_exchange_weak(saved, saved - kOne, kRelaxed)) continue;
    retried_.fetch_add(1, kRelaxed);
    return true;
  }
  refused_.fetch_add(1, kRelaxed);
  return false;
}

}  // namespace edge
