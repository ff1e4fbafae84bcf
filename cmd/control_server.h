// ControlServer: the control socket of a running edge. HTTP with JSON on a unix socket that only its own user and root
// can use: curl --unix-socket PATH http://edge/status
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cmd/control_target.h"
#include "core/http/door.h"
#include "core/http/router.h"
#include "core/net/listener.h"
#include "core/net/loop.h"
#include "core/net/socket_file.h"
#include "core/result.h"

namespace edge {

/// Everything happens on the main loop.
class ControlServer final : private Deadline {
 public:
  /// Serves at `path`, with mode 0600 from its first moment; a socket that a dead process left there is replaced. The
  /// error says what stands in the way: another edge with its pid, another file, a folder that is missing. Blocking for
  /// microseconds. Loop and target must outlive the server.
  static Result<std::unique_ptr<ControlServer>> open(Loop& main, const std::string& path, ControlTarget& target);
  /// After close() has called back (not within that call), or when the loop does not run any more.
  ~ControlServer();

  /// Removes the socket's file and lets answers that are under way leave, for at most a second. `done` runs once
  /// nothing of it is left on the loop, perhaps within the call. Once.
  void close(std::move_only_function<void()> done);

 private:
  ControlServer(Loop& main, ControlTarget& target);
  void accepted(int fd);
  void remove_file();
  void on_deadline() override { door_.kill(); }

  std::optional<SocketFile> file_;  // until it is removed
  ConnectionLimit limit_;
  Door door_;
  Entrance& entrance_;
  Listener* listener_ = nullptr;  // frees itself once shut
};

}  // namespace edge
