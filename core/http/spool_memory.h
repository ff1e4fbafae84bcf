// SpoolMemory: how much of the memory that a thread has for large request bodies one of them has.
#pragma once

#include <cstddef>

namespace edge {

/// Of one thread, as is what it counts; gives back what it has when it ends. It only counts, and allocates nothing.
class SpoolMemory {
 public:
  /// Bytes for all bodies of a thread together.
  static constexpr std::size_t kMost = 16 * 1024 * 1024;

  SpoolMemory() = default;
  SpoolMemory(const SpoolMemory&) = delete;
  SpoolMemory& operator=(const SpoolMemory&) = delete;
  ~SpoolMemory() { give_back(); }

  /// Has `bytes` from now on, or more if it had. False, and nothing has changed: the others leave too little.
  bool reach(std::size_t bytes);
  void give_back();
  std::size_t size() const { return size_; }

 private:
  std::size_t size_ = 0;
};

}  // namespace edge
