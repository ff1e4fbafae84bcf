// HealthCount: from single checks to whether a server is up: `fall` failures in a row take it down, `rise` successes
// bring it back.
#pragma once

#include <cstdint>

namespace edge {

class HealthCount {
 public:
  /// `is_up`: what is believed before the first check.
  HealthCount(std::uint32_t rise, std::uint32_t fall, bool is_up) : rise_(rise), fall_(fall), is_up_(is_up) {}

  bool is_up() const { return is_up_; }
  /// Returns whether that changed.
  bool take(bool is_well) {
    in_a_row_ = is_well == is_up_ ? 0 : in_a_row_ + 1;
    if (is_well == is_up_ || in_a_row_ < (is_up_ ? fall_ : rise_)) return false;
    is_up_ = !is_up_;
    in_a_row_ = 0;
    return true;
  }

 private:
  std::uint32_t rise_;
  std::uint32_t fall_;
  std::uint32_t in_a_row_ = 0;  // checks that contradict is_up_
  bool is_up_;
};

}  // namespace edge
