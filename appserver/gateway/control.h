// The control channel as the zygote and its workers see it: whole messages out, commands with descriptors in.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "appserver/gateway/descriptor.h"
#include "appserver/wire.h"

namespace edge::gateway {

/// One command of the edge with the descriptors that came with it.
struct Command {
  wire::ControlHeader header;
  std::vector<Descriptor> descriptors;
};

/// One end of the channel, shared by the zygote and all of its workers: each message is one datagram, so no lock.
/// Only the zygote receives. All of it is called with the interpreter's lock held.
class Control {
 public:
  Control() = default;
  explicit Control(Descriptor channel) : channel_(std::move(channel)) {}

  int descriptor() const { return channel_.get(); }
  void close() { channel_.reset(); }

  /// Sends one message. While the edge does not read, waits for it with the interpreter's lock released, `patience` at
  /// most. false: the message is lost, because the edge has gone or took too long. `header.size` is set here.
  bool send(wire::ControlHeader header, std::string_view text, std::chrono::milliseconds patience) const;

  enum class Received : std::uint8_t { command, nothing, closed, broken };
  /// Takes one command without waiting. `broken`: what came is no command, or descriptors of it were lost.
  Received receive(Command& to) const;

 private:
  Descriptor channel_;
};

}  // namespace edge::gateway
