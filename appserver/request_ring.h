// RequestRing: the edge's end of the ring through which a thread of a WSGI app gets its requests (appserver/wire.h).
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "appserver/wire.h"

namespace edge {

/// Any thread may call anything here. Nothing makes a system call, and the lock is held for a copy of one request.
class RequestRing {
 public:
  explicit RequestRing(wire::RequestRing& shared) : shared_(shared) {}

  /// The worker reads it; until then requests go through the socket.
  bool is_open() const;
  /// What is larger goes through the socket, so that a ring is not full of one.
  static bool takes(std::string_view packet, std::string_view body) {
    return packet.size() + body.size() <= kLargestRequest;
  }

  /// False: it has no room.
  bool push(const wire::RequestHeader& header, std::string_view packet, std::string_view body);
  /// A request has been sent through the socket; its turn is here.
  void push_in_socket();
  /// The worker sleeps: the caller has to send it kBell, and nobody else.
  bool owes_bell();

  /// Takes the oldest request out again that the worker has not: its sequence, or 0 when that request lies in the
  /// socket. Nothing: there is none.
  std::optional<std::uint64_t> take_back();

 private:
  static constexpr std::size_t kLargestRequest = 4 * 1024;
  static constexpr std::size_t kMostRecords = 128;  // twice the largest `depth`
  // For as many records of in_socket: what was sent cannot be called back for want of room here.
  static constexpr std::size_t kKeptFree = kMostRecords * sizeof(wire::RecordHeader);
  struct Record {
    std::uint64_t begin = 0;  // the position of what is to be passed over before it, or of itself
    std::uint64_t place = 0;  // its position
    std::uint64_t end = 0;
    std::uint64_t sequence = 0;  // 0: in the socket
  };

  bool has_room(std::uint64_t size);
  char* append(std::size_t size, wire::RecordKind kind, std::uint64_t sequence);
  void publish();
  void forget_taken();
  Record& oldest() { return records_[first_ % kMostRecords]; }

  wire::RequestRing& shared_;
  std::mutex mutex_;
  std::uint64_t tail_ = 0;                            // what the worker is told, and could change
  std::uint64_t free_to_ = wire::RequestRing::kSize;  // a position: what lies before may be written
  std::uint64_t head_ = 0;                            // as it was when it was looked at last
  std::array<Record, kMostRecords> records_;          // those that may be unread
  std::size_t first_ = 0;                             // of records_, and behind the last: they only grow
  std::size_t last_ = 0;
};

}  // namespace edge
