// RequestRingReader: the worker's end of the ring through which it gets its requests (appserver/wire.h). Included by
// the gateway, and by the tests of the edge's end.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>

#include "appserver/wire.h"

namespace edge {

/// Belongs to one thread.
class RequestRingReader {
 public:
  /// `ring` must outlive this; from now on the edge uses it.
  explicit RequestRingReader(wire::RequestRing& ring) : ring_(ring) { std::atomic_ref(ring_.open).store(1); }

  enum class Found : std::uint8_t { nothing, request, in_socket, nonsense };
  /// The oldest record; of a request the message is copied to `to`, which has room for kSize bytes, and `size` is set.
  Found read(char* to, std::size_t& size) {
    const std::atomic_ref shared_head(ring_.head);
    const std::atomic_ref reading(ring_.reading);
    Found found = Found::nothing;
    do {
      std::uint64_t head = shared_head.load();
      if (head == std::atomic_ref(ring_.tail).load()) break;
      reading.store(head + 1);
      if (shared_head.load() != head) continue;  // taken back before the edge could know that it is read
      std::uint64_t end = head;
      const Found copied = copy(head, to, size, end);
      if (copied == Found::nonsense || shared_head.compare_exchange_strong(head, end)) found = copied;
    } while (found == Found::nothing);
    reading.store(0, std::memory_order_release);
    return found;
  }

  /// Before the thread sleeps until the socket has something: what is written to the ring from now on is announced
  /// there. The ring is to be read once more.
  void begin_wait() { std::atomic_ref(ring_.waiting).store(1); }
  void end_wait() { std::atomic_ref(ring_.waiting).store(0, std::memory_order_relaxed); }

 private:
  /// The record at `head`; `end` is where the next begins. nothing: it is to be passed over.
  Found copy(std::uint64_t head, char* to, std::size_t& size, std::uint64_t& end) const {
    constexpr std::uint64_t kSize = wire::RequestRing::kSize;
    const std::uint64_t place = head % kSize;
    wire::RecordHeader header;
    if (place % 8 != 0) return Found::nonsense;
    std::memcpy(&header, ring_.records + place, sizeof header);
    if (header.size < sizeof header || header.size > kSize - place) return Found::nonsense;
    end = (head + header.size + 7) / 8 * 8;
    if (header.kind == wire::RecordKind::pass_over) return Found::nothing;
    if (header.kind == wire::RecordKind::in_socket) return Found::in_socket;
    if (header.kind != wire::RecordKind::message) return Found::nonsense;
    size = header.size - sizeof header;
    std::memcpy(to, ring_.records + place + sizeof header, size);
    return Found::request;
  }

  wire::RequestRing& ring_;
};

}  // namespace edge
