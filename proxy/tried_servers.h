// TriedServers: which servers a request was sent to already.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/server.h"

namespace edge {

/// Part of a request; by number, so that a server may be gone meanwhile.
class TriedServers {
 public:
  /// The first try and its retries.
  static constexpr std::size_t kMost = 16;

  /// Nothing more when full(): the caller has to give up before.
  void add(const Server& server) {
    if (!full()) numbers_[count_++] = server.number();
  }
  bool has(const Server& server) const {
    return std::find(numbers_.begin(), numbers_.begin() + count_, server.number()) != numbers_.begin() + count_;
  }
  std::size_t count() const { return count_; }
  bool full() const { return count_ == kMost; }

 private:
  std::array<std::uint64_t, kMost> numbers_{};
  std::uint8_t count_ = 0;
};

}  // namespace edge
