// Arena: bump memory for what lives exactly as long as one request. Not thread-safe; nothing in it is destroyed.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace edge {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Uninitialised memory, aligned for any object.
  void* allocate(std::size_t bytes) {
    bytes = (bytes + 15) & ~std::size_t{15};
    if (bytes > left_) return grow(bytes);
    void* result = at_;
    at_ += bytes;
    left_ -= bytes;
    return result;
  }

  char* allocate_chars(std::size_t bytes) { return static_cast<char*>(allocate(bytes)); }

  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* to = allocate_chars(text.size());
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

  /// Makes everything allocated so far invalid; keeps the first block for reuse.
  void reset() {
    blocks_.resize(blocks_.empty() ? 0 : 1);
    at_ = blocks_.empty() ? nullptr : blocks_.front().get();
    left_ = blocks_.empty() ? 0 : kBlock;
  }

 private:
  static constexpr std::size_t kBlock = 4096;

  void* grow(std::size_t bytes) {
    const std::size_t size = bytes > kBlock ? bytes : kBlock;
    std::unique_ptr<char[]> block(new char[size]);
    char* start = block.get();
    if (bytes > kBlock && !blocks_.empty()) {  // an outsize block of its own; the current one goes on
      blocks_.push_back(std::move(block));
      return start;
    }
    if (bytes > kBlock) blocks_.emplace_back(new char[kBlock]);  // blocks_[0] is always of kBlock bytes
    blocks_.push_back(std::move(block));
    if (bytes > kBlock) return start;
    at_ = start + bytes;
    left_ = size - bytes;
    return start;
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* at_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace edge
