// LogPace: lets a line through once a second, so that a flood of failures does not fill the disk with its log.
#pragma once

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

 private:
  static constexpr std::uint64_t kBetween = 1'000;  // milliseconds
  std::uint64_t quiet_until_ = 0;
};

}  // namespace edge
