// A worker thread's mailbox: one message is one request (appserver/wire.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "appserver/gateway/descriptor.h"
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
  /// `socket` stays the caller's, and open. `channels`: how many answers channels there are.
  Mailbox(int socket, std::size_t channels);

  /// question: wire::kAsk; nothing: there is no message yet; closed: by the edge, or this process is not the worker any
  /// more.
  enum class Received : std::uint8_t { request, question, quit, nothing, closed };
  /// Ends the process when what came makes no sense. `to` is good until the next call.
  Received receive(RequestMessage& to);
  /// The same after a wait with the interpreter's lock released. nothing: it was disturbed by a signal.
  Received wait(RequestMessage& to);

 private:
  Received receive(RequestMessage& to, bool waiting);
  ssize_t receive_bytes(Descriptor& file, bool waiting);
  bool parse(std::string_view bytes, RequestMessage& to) const;

  int socket_;
  std::size_t channels_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace edge::gateway
