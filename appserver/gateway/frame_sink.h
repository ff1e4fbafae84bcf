// Where an answer's frames go: a thread's own channel, on which it may wait, or one that many answers share.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>

#include "appserver/answer_ring_writer.h"
#include "appserver/gateway/descriptor.h"

namespace edge::gateway {

/// Used with the interpreter's lock held.
class FrameSink {
 public:
  /// Takes one whole frame, and the file that goes with its first byte, if any. The parts are changed. false: the edge
  /// has closed the channel.
  virtual bool send(std::span<iovec> parts, Descriptor file) = 0;

 protected:
  ~FrameSink() = default;
};

/// Of errno: it passes by itself, soon.
bool is_shortage(int error);

std::size_t size_of(std::span<const iovec> parts);
/// Takes `size` bytes off the front.
void advance(std::span<iovec>& parts, std::size_t size);
/// One sendmsg with `flags`. With the first byte goes `file`, which is empty once it is on its way.
ssize_t send_parts(int channel, std::span<iovec> parts, Descriptor& file, int flags);

/// A channel of one WSGI thread: the interpreter's lock is released while the edge takes no bytes. Small whole answers
/// go through the ring beside it.
class WaitingChannel final : public FrameSink {
 public:
  /// `channel` stays the caller's, and open.
  WaitingChannel(int channel, wire::AnswerRing& ring) : channel_(channel), ring_(ring) {}
  bool send(std::span<iovec> parts, Descriptor file) override;

 private:
  bool announce();
  bool send_waiting(std::span<iovec> parts, Descriptor& file) const;

  int channel_;
  AnswerRingWriter ring_;
};

}  // namespace edge::gateway
