// Tells an event loop when channels that were full take bytes again: one descriptor, which is readable then.
#pragma once

#include <span>

#include "appserver/gateway/descriptor.h"

namespace edge::gateway {

/// Without a call into Python, which might raise. Belongs to the worker's main thread.
class ChannelWatch {
 public:
  /// Once, before all else. The channels stay the caller's, and open as long as this lives. false with errno.
  bool open(std::span<const Descriptor> channels);
  /// Readable from when a wait is over until forget() is called.
  int descriptor() const { return waits_.get(); }
  void forget();

  // Each is over once, and then is to be asked for again:
  /// Until the channel takes bytes, or was closed.
  void wait_for_room(int channel);
  /// 10 ms, for what no descriptor tells of: the kernel's want of memory.
  void wait_a_moment();

 private:
  bool add(int descriptor);
  void rearm(int descriptor, unsigned events);

  Descriptor waits_;  // an epoll
  Descriptor timer_;
};

}  // namespace edge::gateway
