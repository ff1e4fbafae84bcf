// A worker thread's mailbox: a ring in shared memory, and a socket of which one message is one request
// (appserver/wire.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "appserver/gateway/descriptor.h"
#include "appserver/request_ring_reader.h"
#include "appserver/wire.h"

namespace edge::gateway {

/// A request that came in whole; the views are into the mailbox's memory.
struct RequestMessage {
  wire::RequestHeader header;
  std::string_view variables;
  std::string_view body;
  Descriptor file;
};

/// Belongs to one thread. Needs the interpreter's lock.
class Mailbox {
 public:
  /// `socket` stays the caller's, and open. `channels`: how many answers channels there are. Without `ring` everything
  /// comes through the socket, which can be watched then.
  Mailbox(int socket, std::size_t channels, wire::RequestRing* ring = nullptr);

  /// question: wire::kAsk; nothing: there is no message yet; closed: by the edge, or this process is not the worker any
  /// more.
  enum class Received : std::uint8_t { request, question, quit, nothing, closed };
  /// Ends the process when what came makes no sense. `to` is good until the next call.
  Received receive(RequestMessage& to);
  /// The same after a wait with the interpreter's lock released. nothing: it was disturbed by a signal.
  Received wait(RequestMessage& to);

 private:
  Received receive_from_ring(RequestMessage& to);
  Received receive_in_its_turn(RequestMessage& to);
  Received receive_from_socket(RequestMessage& to, bool waiting);
  ssize_t receive_bytes(Descriptor& file, bool waiting);
  void parse(std::size_t size, RequestMessage& to) const;
  bool is_request(std::string_view bytes, RequestMessage& to) const;

  int socket_;
  std::size_t channels_;
  std::unique_ptr<char[]> buffer_;
  std::optional<RequestRingReader> ring_;
  bool is_turn_of_socket_ = false;
  bool quit_ = false;  // told so, though there may be requests in the ring
};

}  // namespace edge::gateway
