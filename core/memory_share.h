// MemoryShare: how much of the memory that a thread has for one purpose one of those who need it has.
#pragma once

#include <cstddef>

namespace edge {

/// Of one thread, as is what it counts; gives back what it has when it ends. It only counts, and allocates nothing.
/// `Purpose::kMost`: bytes for all of a thread together.
template <class Purpose>
class MemoryShare {
 public:
  static constexpr std::size_t kMost = Purpose::kMost;

  MemoryShare() = default;
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;
  ~MemoryShare() { give_back(); }

  /// Has `bytes` from now on, or more if it had. False, and nothing has changed: the others leave too little.
  bool reach(std::size_t bytes) {
    if (bytes <= size_) return true;
    if (bytes - size_ > kMost - taken) return false;
    taken += bytes - size_;
    size_ = bytes;
    return true;
  }
  /// Has `bytes` from now on, or less if it had.
  void shrink(std::size_t bytes) {
    if (bytes >= size_) return;
    taken -= size_ - bytes;
    size_ = bytes;
  }
  void give_back() { shrink(0); }
  std::size_t size() const { return size_; }

 private:
  static inline constinit thread_local std::size_t taken = 0;  // by all of this thread
  std::size_t size_ = 0;
};

}  // namespace edge
