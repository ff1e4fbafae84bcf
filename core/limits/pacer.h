// Pacer: how many bytes of an answer may leave by now. A bucket that fills at the rate and holds a quarter of a second
// of it, from which only worthwhile pieces are taken.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/duration.h"

namespace edge {

class Pacer {
 public:
  /// `rate`: bytes a second, at least 1. `after`: bytes that leave at once. `now`: milliseconds, Loop::now().
  Pacer(std::uint64_t rate, std::uint64_t after, std::uint64_t now)
      : rate_(rate), free_(after), credit_(capacity()), filled_at_(now) {}

  /// Of `wanted` bytes, how many may leave; 0: wait().
  std::uint64_t ready(std::uint64_t wanted, std::uint64_t now) {
    fill(now);
    if (free_ < wanted && credit_ < worthwhile(wanted - free_)) return std::min(wanted, free_);
    return std::min(wanted, free_ + credit_ / kParts);
  }
  /// They have left: at most as many as were ready.
  void sent(std::uint64_t bytes) {
    const std::uint64_t paid = bytes - std::min(bytes, free_);
    free_ -= bytes - paid;
    credit_ -= paid * kParts;
  }
  /// After ready() gave 0 for as many: how long until it will not.
  Milliseconds wait(std::uint64_t wanted) const {
    const std::uint64_t missing = worthwhile(wanted) - credit_;
    return Milliseconds((missing + rate_ - 1) / rate_);
  }

 private:
  static constexpr std::uint64_t kParts = 1'000;  // of a byte: a rate gives as many of them in a millisecond as it has
                                                  // bytes in a second
  static constexpr std::uint64_t kHeld = 250;     // milliseconds

  std::uint64_t capacity() const { return std::max(rate_ * kHeld, kParts); }
  std::uint64_t worthwhile(std::uint64_t wanted) const {
    const std::uint64_t most = std::max(capacity() / 2, kParts);
    return wanted < most / kParts ? wanted * kParts : most;
  }
  void fill(std::uint64_t now) {
    const std::uint64_t time = std::min(now - std::min(now, filled_at_), 2 * kHeld + kParts / rate_);
    credit_ = std::min(capacity(), credit_ + rate_ * time);
    filled_at_ = std::max(filled_at_, now);
  }

  std::uint64_t rate_;
  std::uint64_t free_;
  std::uint64_t credit_;  // in parts of a byte
  std::uint64_t filled_at_;
};

}  // namespace edge
