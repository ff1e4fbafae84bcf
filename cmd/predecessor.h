// Predecessor: the edge whose place this process is to take, and the sockets that it gives.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "cmd/handover.h"
#include "core/net/inherited_sockets.h"
#include "core/unique_fd.h"

namespace edge {

/// On the main thread. Without one everything here does nothing.
class Predecessor {
 public:
  Predecessor() = default;
  /// As EDGE_HANDOVER says, which is removed from the environment. Before there are other threads.
  static Predecessor from_environment();

  explicit operator bool() const { return handover_.from != 0; }
  pid_t pid() const { return handover_.from; }
  /// Whether it is the service still: ready() was not called.
  bool serves() const { return static_cast<bool>(channel_); }
  /// The sockets of the service manager, which are handed on. Once.
  InheritedSockets activated() const { return InheritedSockets(handover_.activated); }

  /// The descriptors given under that key; none, if none are. What is taken must be used: clients may wait in it.
  std::vector<UniqueFd> take(const std::string& key);

  /// From now on the lines of this process's log that are errors are told.
  void tell_errors() const;
  /// Why this process is about to end.
  void failed(std::string_view why) const;
  /// This process serves: the predecessor takes its leave. What was not taken is closed, and there is nothing
  /// more to take.
  void ready();

 private:
  Handover handover_;
  UniqueFd channel_;
  std::vector<std::vector<UniqueFd>> given_;  // beside the parts
  std::vector<std::size_t> taken_;
};

}  // namespace edge
