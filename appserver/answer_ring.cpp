// Reading records that somebody else may be writing to.
#include "appserver/answer_ring.h"

#include <atomic>
#include <bit>
#include <cstring>

namespace edge {

namespace {

constexpr std::uint64_t kSize = wire::AnswerRing::kSize;

}  // namespace

std::uint64_t AnswerRing::tail() const {
  return std::atomic_ref(shared_.tail).load();
}

AnswerRing::Read AnswerRing::read(char* to, std::size_t& size) {
  for (;;) {
    const std::uint64_t filled = tail() - head_;
    if (filled == 0) return Read::nothing;
    const std::uint64_t place = head_ % kSize;
    const wire::RecordHeader header = header_at(place);
    if (header.size < sizeof header || header.size > kSize - place) return Read::nonsense;
    const std::uint64_t taken = (std::uint64_t{header.size} + 7) / 8 * 8;
    if (taken > filled || filled > kSize) return Read::nonsense;
    const bool is_frame = header.kind == wire::RecordKind::message;
    // Once before a frame at most, or a worker could keep the loop here.
    const bool is_filler = header.kind == wire::RecordKind::pass_over && place != 0 && header.size == kSize - place;
    size = header.size - sizeof header;
    if (is_frame ? size > wire::AnswerRing::kLargestFrame : !is_filler) return Read::nonsense;
    if (is_frame) std::memcpy(to, shared_.records + place + sizeof header, size);
    head_ += taken;
    std::atomic_ref(shared_.head).store(head_, std::memory_order_release);
    if (is_frame) return Read::frame;
  }
}

/// One load: what is judged is what is used.
wire::RecordHeader AnswerRing::header_at(std::uint64_t place) const {
  auto& word = *reinterpret_cast<std::uint64_t*>(shared_.records + place);
  return std::bit_cast<wire::RecordHeader>(std::atomic_ref(word).load(std::memory_order_relaxed));
}

void AnswerRing::open() {
  std::atomic_ref(shared_.waiting).store(1);
  std::atomic_ref(shared_.open).store(1);
}

bool AnswerRing::wait() {
  // Before the look at `tail`, as the worker looks here behind having written: one of both sees the other's.
  std::atomic_ref(shared_.waiting).store(1);
  if (tail() == head_) return true;
  std::atomic_ref(shared_.waiting).store(0);
  return false;
}

}  // namespace edge
