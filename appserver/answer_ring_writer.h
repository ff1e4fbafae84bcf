// AnswerRingWriter: the worker's end of the ring for small whole answers (appserver/wire.h). Included by the gateway,
// and by the tests of the edge's end.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <span>

#include "appserver/wire.h"

namespace edge {

/// Belongs to one thread.
class AnswerRingWriter {
 public:
  /// `ring` must outlive this.
  explicit AnswerRingWriter(wire::AnswerRing& ring) : ring_(ring) {}

  /// Writes the frame whose parts these are, the header first and whole, if it is a whole answer, small, and there is
  /// room. false: it is for the channel.
  bool write(std::span<const iovec> parts) {
    wire::FrameHeader frame;
    std::memcpy(&frame, parts.front().iov_base, sizeof frame);
    constexpr std::uint16_t kWhole = wire::kHead | wire::kLast;
    const std::uint64_t content = sizeof frame + std::uint64_t{frame.payload_size};
    if (frame.flags != kWhole || content > wire::AnswerRing::kLargestFrame) return false;
    if (std::atomic_ref(ring_.open).load(std::memory_order_relaxed) == 0) return false;
    const std::uint64_t size = sizeof(wire::RecordHeader) + content;
    const std::uint64_t left = kSize - tail_ % kSize;
    const std::uint64_t passed_over = left < size ? left : 0;
    const std::uint64_t end = (tail_ + passed_over + size + 7) / 8 * 8;
    if (end - std::atomic_ref(ring_.head).load(std::memory_order_acquire) > kSize) return false;
    if (passed_over != 0) begin(tail_, passed_over, wire::RecordKind::pass_over);
    char* to = begin(tail_ + passed_over, size, wire::RecordKind::message);
    for (const iovec& part : parts) {
      if (part.iov_len > 0) std::memcpy(to, part.iov_base, part.iov_len);
      to += part.iov_len;
    }
    tail_ = end;
    std::atomic_ref(ring_.tail).store(tail_);
    return true;
  }

  /// After write(): the loop does not look by itself. The caller has to tell it, and nobody else.
  bool owes_announcement() {
    const std::atomic_ref waiting(ring_.waiting);
    return waiting.load() != 0 && waiting.exchange(0) != 0;
  }

 private:
  static constexpr std::uint64_t kSize = wire::AnswerRing::kSize;

  /// Where the content goes.
  char* begin(std::uint64_t position, std::uint64_t size, wire::RecordKind kind) {
    const wire::RecordHeader header{.size = static_cast<std::uint32_t>(size), .kind = kind};
    char* const to = ring_.records + position % kSize;
    std::memcpy(to, &header, sizeof header);
    return to + sizeof header;
  }

  wire::AnswerRing& ring_;
  std::uint64_t tail_ = 0;
};

}  // namespace edge
