// RestartDelay: how long to wait before what died is started again: at once after a good life, else longer each time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/duration.h"

namespace edge {

class RestartDelay {
 public:
  /// Milliseconds: what lived longer had a good life.
  static constexpr std::uint64_t kGoodLife = 5'000;

  RestartDelay(Milliseconds first, Milliseconds most) : first_(first), most_(std::max(first, most)), next_(first) {}

  Milliseconds next() {
    const Milliseconds delay = next_;
    next_ = std::min(most_, next_ * 2);
    return delay;
  }
  void reset() { next_ = first_; }

 private:
  Milliseconds first_;
  Milliseconds most_;
  Milliseconds next_;
};

}  // namespace edge
