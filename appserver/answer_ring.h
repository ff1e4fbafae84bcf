// AnswerRing: the loop's end of the ring for small whole answers of one worker thread (appserver/wire.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "appserver/wire.h"

namespace edge {

/// Belongs to one loop. The worker may write to the memory at any time, and anything: each byte of it is read once.
class AnswerRing {
 public:
  explicit AnswerRing(wire::AnswerRing& shared) : shared_(shared) {}

  enum class Read : std::uint8_t { nothing, frame, nonsense };
  /// Copies the oldest frame to `to`, which has room for kLargestFrame bytes. What is in the frame is not looked at.
  Read read(char* to, std::size_t& size);

  /// From now on the worker uses it, and tells of what it writes. Before the worker is sent anything.
  void open();
  /// The worker tells of the next that it writes. False: it has written before; that is to be read first.
  bool wait();

 private:
  std::uint64_t tail() const;
  wire::RecordHeader header_at(std::uint64_t place) const;

  wire::AnswerRing& shared_;
  std::uint64_t head_ = 0;
};

}  // namespace edge
