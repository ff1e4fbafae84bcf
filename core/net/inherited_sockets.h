// InheritedSockets: the listening sockets that this process was started with, by systemd's protocol (sd_listen_fds(3)).
#pragma once

#include <vector>

#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// Owns descriptors 3, 4, … of the process, which no program that it starts gets without being told. Any thread after
/// it was made.
class InheritedSockets {
 public:
  static constexpr int kFirst = 3;

  InheritedSockets() = default;
  /// Takes the first `count` of them, as far as they are open.
  explicit InheritedSockets(int count);
  /// As LISTEN_FDS says, if LISTEN_PID means this process. Removes LISTEN_* from the environment. Once, at the start,
  /// before there are other threads.
  static InheritedSockets from_environment();

  /// A non-blocking duplicate of descriptor `number` with that backlog. Error: there is none, or it is no listening
  /// stream socket; what to do about it.
  Result<UniqueFd> listener(int number, int backlog) const;

  /// The first is descriptor 3.
  const std::vector<UniqueFd>& all() const { return sockets_; }

 private:
  std::vector<UniqueFd> sockets_;
};

}  // namespace edge
