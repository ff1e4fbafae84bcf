// LogPace: lets a line through once a second, so that a flood of failures does not fill the disk with its log.
#pragma once

#include <atomic>
#include <cstdint>

namespace edge {

/// Of one thread; there is one for each kind of line.
class LogPace {
 public:
  /// Whether the line may be written. `now`: milliseconds, Loop::now().
  bool lets_pass(std::uint64_t now) {
    if (now < quiet_until_) return false;
    quiet_until_ = now + kBetween;
    return true;
  }

  static constexpr std::uint64_t kBetween = 1'000;  // milliseconds

 private:
  std::uint64_t quiet_until_ = 0;
};

/// The same for lines that any thread may write.
class SharedLogPace {
 public:
  bool lets_pass(std::uint64_t now) {
    std::uint64_t quiet_until = quiet_until_.load(std::memory_order_relaxed);
    return now >= quiet_until &&
           quiet_until_.compare_exchange_strong(quiet_until, now + LogPace::kBetween, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> quiet_until_{0};
};

}  // namespace edge
