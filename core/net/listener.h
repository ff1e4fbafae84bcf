// Listeners: opening a listening socket, and accepting from it on a loop.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/address.h"
#include "core/net/deadline.h"
#include "core/net/socket.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// How a port is used by this process: by one listener, or by one for each loop (SO_REUSEPORT), of which the first
/// makes sure that no other server is there already.
enum class PortUse : std::uint8_t { alone, first_of_many, one_of_many };

/// Opens a non-blocking TCP listener. An error names the process that holds the port, when that can be read.
/// Blocking for microseconds; for start-up.
Result<UniqueFd> open_tcp_listener(const Address& address, int backlog, PortUse use);
/// A unix socket; a stale one of a dead server is replaced, a live one is an error. With `mode` its file has exactly
/// that mode before anyone can connect; else the umask's.
Result<UniqueFd> open_unix_listener(const std::string& path, int backlog, std::optional<unsigned> mode = {});
/// The address a socket is bound to (the port that the kernel chose).
Address bound_address(int fd);
/// The path that a unix socket is bound to, "@name" for one without a file; empty for others.
std::string bound_path(int fd);

/// Bounds how many clients a listener accepts. On its loop, and outlives it.
class Admission {
 public:
  /// Before each accept: a place for one client more. False: there is none, or nobody waits for one.
  virtual bool take_place() = 0;
  /// The place is free again: nobody waited.
  virtual void return_place() = 0;

 protected:
  ~Admission() = default;
};

/// Accepts connections. When the process is out of descriptors it pauses for a moment instead of spinning.
class Listener final : public Socket, private Deadline {
 public:
  using Accepted = std::move_only_function<void(int fd, const Address& remote)>;

  /// Owned by whoever calls make(); freed by shut() or leave(), which may be followed by nothing else.
  /// `admission` may be null: then everybody is accepted.
  static Listener* make(Loop& loop, UniqueFd socket, Accepted accepted, Admission* admission = nullptr);
  /// Stops or resumes accepting; meanwhile clients wait in the backlog.
  void set_accepting(bool accepting);
  /// Accepts what has reached the backlog already, then closes and deletes this.
  void shut();
  /// Closes and deletes this, and leaves the backlog to the others that have the socket.
  void leave();

 private:
  Listener(Accepted accepted, Admission* admission) : accepted_(std::move(accepted)), admission_(admission) {}
  ~Listener() = default;
  void on_readable() override { accept_some(kPerTurn); }
  void on_writable() override {}
  void on_closed() override { delete this; }
  void on_deadline() override { want_read(accepting_); }
  void accept_some(int most);

  static constexpr int kPerTurn = 16;
  Accepted accepted_;
  Admission* admission_;
  bool accepting_ = true;
  bool shutting_ = false;
};

}  // namespace edge
