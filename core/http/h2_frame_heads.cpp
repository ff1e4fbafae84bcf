// From head to head by the length that each tells.
#include "core/http/h2_frame_heads.h"

#include <algorithm>

namespace edge {

namespace {
constexpr std::size_t kHead = 9;
constexpr std::size_t kLength = 3;  // bytes at the beginning of a head
}  // namespace

std::size_t H2FrameHeads::count(std::string_view bytes) {
  std::size_t complete = 0;
  while (true) {
    const std::size_t passed = std::min(skipped_, bytes.size());
    skipped_ -= passed;
    bytes.remove_prefix(passed);
    if (bytes.empty()) return complete;
    for (; have_ < kHead && !bytes.empty(); ++have_, bytes.remove_prefix(1)) {
      if (have_ == kLength && bytes.size() >= kHead - kLength) {  // the rest of the head says nothing of its payload
        bytes.remove_prefix(kHead - kLength);
        have_ = kHead;
        break;
      }
      if (have_ < kLength) length_ = length_ << 8U | static_cast<std::uint8_t>(bytes.front());
    }
    if (have_ < kHead) return complete;
    ++complete;
    have_ = 0;
    skipped_ = length_;
    length_ = 0;
  }
}

}  // namespace edge
