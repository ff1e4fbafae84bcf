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
#include "core/unique_fd.h"

namespace edge {

/// Everything happens on the main loop.
class ControlServer final : private Deadline {
 public:
  /// Serves at `path`, with mode 0600 from its first moment; a socket that a dead process left there is replaced. The
  /// error says what stands in the way: another edge with its pid, another file, a folder that is missing. Blocking for
  /// microseconds. Loop and target must outlive the server.
  static Result<std::unique_ptr<ControlServer>> open(Loop& main, const std::string& path, ControlTarget& target);
  /// Takes over the listening socket at `path` from an edge that is upgraded, which answers until begin().
  static Result<std::unique_ptr<ControlServer>> take_over(Loop& main, const std::string& path, UniqueFd socket,
                                                          ControlTarget& target);
  /// Answers from now on, and the file is this server's.
  void begin();
  /// After close() has called back (not within that call), or when the loop does not run any more.
  ~ControlServer();

  const std::string& path() const { return path_; }
  /// Of the listening socket, which stays this server's.
  int descriptor() const { return listener_->fd(); }
  /// Leaves the socket and its file to another process that has it too; answers that are under way go on.
  void leave();

  /// Removes the socket's file and lets answers that are under way leave, for at most a second. `done` runs once
  /// nothing of it is left on the loop, perhaps within the call. Once.
  void close(std::move_only_function<void()> done);

 private:
  ControlServer(Loop& main, const std::string& path, ControlTarget& target);
  Result<void> watch(UniqueFd socket);
  void accepted(int fd);
  void remove_file();
  void on_deadline() override { door_.kill(); }

  std::string path_;
  std::optional<SocketFile> file_;  // until it is removed
  ConnectionLimit limit_;
  Door door_;
  Entrance& entrance_;
  Listener* listener_ = nullptr;  // frees itself once shut; null when left
};

}  // namespace edge
