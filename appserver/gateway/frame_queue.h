// One answers channel of an ASGI worker: frames of many answers out, in order and whole, and the edge's notices in.
#pragma once

#include <array>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "appserver/gateway/channel_watch.h"
#include "appserver/gateway/frame_sink.h"
#include "appserver/wire.h"

namespace edge::gateway {

/// Never waits: what the edge does not take at once is copied, and goes out by flush(). Belongs to the worker's main
/// thread; needs the interpreter's lock.
class FrameQueue final : public FrameSink {
 public:
  /// `channel` stays the caller's, and open. `watch` knows it, and tells when to flush().
  FrameQueue(int channel, ChannelWatch& watch) : channel_(channel), watch_(watch) {}

  bool send(std::span<iovec> parts, Descriptor file) override;
  /// Sends what waits. true: nothing waits any more.
  bool flush();
  /// Bodies have to wait with their senders. Heads and ends of answers do not, so that the queue holds at most this and
  /// a frame for each request of the worker.
  bool is_full() const { return waiting_size_ > kMostWaiting; }

  /// Takes the notices that are there, without waiting. false: the edge has closed the channel.
  bool read_notices(std::vector<wire::Notice>& to);

 private:
  static constexpr std::size_t kMostWaiting = 256 * 1024;
  static constexpr std::size_t kMostJoined = 64 * 1024;
  static constexpr std::size_t kMostNotices = 256;

  struct Waiting {
    std::string bytes;
    std::size_t sent = 0;
    Descriptor file;
  };

  bool wait_after(int reason);
  void keep(std::span<const iovec> parts, Descriptor file);
  void close();

  int channel_;
  ChannelWatch& watch_;
  std::deque<Waiting> frames_;
  std::size_t waiting_size_ = 0;  // bytes in frames_ that were not sent
  bool closed_ = false;
  std::array<char, kMostNotices * sizeof(wire::Notice)> notice_bytes_;
  std::size_t notice_size_ = 0;  // of a notice that came in part
};

}  // namespace edge::gateway
