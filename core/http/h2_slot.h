// H2Slot: a stretch of addresses for what a session of nghttp2 holds as long as it lives. While the session rests, its
// pages are the kernel's again, and what they held is kept as the words that are not zero, which are few.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace edge {

/// Made, used and destroyed on one thread. Addresses stay the thread's until it ends; pages go with the slot.
class H2Slot {
 public:
  static constexpr std::size_t kSize = 32 * 1024;  // bytes

  H2Slot();
  ~H2Slot();
  H2Slot(const H2Slot&) = delete;
  H2Slot& operator=(const H2Slot&) = delete;

  /// Of the slot's memory, which begins as zeros, aligned for any object; null when there is no room. It goes with the
  /// slot, and not before.
  void* allocate(std::size_t bytes);
  bool contains(const void* memory) const { return static_cast<std::size_t>(at(memory) - begin_) < kSize; }

  /// Nobody may look at the memory until bring_back(). Without effect where the kernel does not take pages back.
  void put_by();
  void bring_back();
  bool is_put_by() const { return kept_ != nullptr; }
  /// Of the calling thread, how many are put by.
  static std::size_t count_put_by();

 private:
  static const char* at(const void* memory) { return static_cast<const char*>(memory); }

  char* begin_;  // null: the kernel has no addresses to give, and there is never room
  std::size_t used_ = 0;
  std::size_t kept_words_ = 0;
  std::unique_ptr<std::uint64_t[]> kept_;  // for each 64 words which of them are not zero, and these
};

}  // namespace edge
