// Listening sockets: opened, accepted from, shut without losing what waits.
#include "core/net/listener.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "core/log.h"
#include "core/net/port_owner.h"
#include "core/net/socket_file.h"

namespace edge {

namespace {

constexpr Milliseconds kDescriptorsShort{100};

std::unexpected<Error> cannot(const std::string& what, const std::string& why) {
  return fail(ErrorKind::internal, Side::ours, "cannot listen on " + what + ": " + why);
}

Result<UniqueFd> bind_tcp(const Address& address, int backlog, bool shared_port) {
  sockaddr_storage where{};
  const unsigned size = address.to_sockaddr(where);
  UniqueFd socket(::socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  const int off = 0;
  if (!socket) return cannot(address.text(), std::strerror(errno));
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (shared_port) setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (where.ss_family == AF_INET6) setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where), size) != 0 ||
      ::listen(socket.get(), backlog) != 0) {
    const int error = errno;
    std::string why = std::strerror(error);
    if (error == EADDRINUSE) {
      why = "the port is in use";
      if (const std::string owner = process_listening_on(address.port); !owner.empty()) why += " by " + owner;
      why += "; stop that process, or listen on another port";
    } else if (error == EACCES) {
      why += "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
    }
    return cannot(address.text(), why);
  }
  return socket;
}

/// Why no file can be made at `path`.
std::string why_no_file(const std::string& path, int error) {
  std::string reason = std::strerror(error);
  const std::string folder = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  if (error == ENOENT) return reason + "; make the folder " + folder;
  if (error == EACCES || error == EPERM || error == EROFS)
    return reason + ": the folder " + folder + " cannot be written to";
  if (error == EADDRINUSE) return "a socket that nobody listens on is in the way and cannot be removed; remove it";
  return reason;
}

bool somebody_listens(const sockaddr_un& where) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return false;
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0 || errno == EAGAIN;
}

}  // namespace

Result<UniqueFd> open_tcp_listener(const Address& address, int backlog, PortUse use) {
  // With SO_REUSEPORT the kernel lets a second server of the same user in silently: try without it first.
  if (use == PortUse::first_of_many && address.port != 0) {
    const Result<UniqueFd> probe = bind_tcp(address, 1, false);
    if (!probe) return std::unexpected(probe.error());
  }
  return bind_tcp(address, backlog, use != PortUse::alone);
}

Result<UniqueFd> open_unix_listener(const std::string& path, int backlog, std::optional<unsigned> mode) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.size() >= sizeof where.sun_path) return cannot("unix:" + path, "the path is longer than 107 bytes");
  std::memcpy(where.sun_path, path.c_str(), path.size() + 1);
  struct stat existing{};
  if (::lstat(path.c_str(), &existing) == 0) {
    if (!S_ISSOCK(existing.st_mode)) return cannot("unix:" + path, "there is a file that is not a socket");
    if (somebody_listens(where)) return cannot("unix:" + path, "another process listens there");
    ::unlink(path.c_str());
  }
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // bind() makes the file with the mode of the descriptor, less the umask: never wider than it shall be.
  if (!socket || (mode && ::fchmod(socket.get(), *mode) != 0) ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    return cannot("unix:" + path, why_no_file(path, errno));
  }
  const Result<void> mode_set = mode ? set_socket_mode(path, *mode) : Result<void>();
  if (!mode_set) return cannot("unix:" + path, mode_set.error().context);
  if (::listen(socket.get(), backlog) != 0) return cannot("unix:" + path, std::strerror(errno));
  return socket;
}

Address bound_address(int fd) {
  sockaddr_storage where{};
  socklen_t size = sizeof where;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&where));
}

std::string bound_path(int fd) {
  sockaddr_un where{};
  socklen_t size = sizeof where;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) != 0 || where.sun_family != AF_UNIX) return {};
  constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path);
  if (size <= kBefore) return {};
  std::string path(where.sun_path, std::min<std::size_t>(size, sizeof where) - kBefore);
  if (path.front() == '\0') {
    path.front() = '@';
    return path;
  }
  return path.substr(0, path.find('\0'));
}

Listener* Listener::make(Loop& loop, UniqueFd socket, Accepted accepted, Admission* admission) {
  auto* listener = new Listener(std::move(accepted), admission);
  if (const int status = listener->watch(loop, socket.release()); status != 0) {
    log::error("a listener cannot be watched: {}", std::strerror(-status));
    delete listener;
    return nullptr;
  }
  return listener;
}

void Listener::set_accepting(bool accepting) {
  if (shutting_) return;  // the backlog is taken whatever the limit says
  accepting_ = accepting;
  disarm();
  want_read(accepting);
}

void Listener::accept_some(int most) {
  for (int i = 0; i < most && accepting_ && !closing(); ++i) {
    sockaddr_storage from;
    socklen_t size = sizeof from;
    if (admission_ && !admission_->take_place()) return;
    const int fd = ::accept4(this->fd(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      accepted_(fd, Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&from)));
      continue;
    }
    const int reason = errno;
    if (admission_) admission_->return_place();
    if (reason == ECONNABORTED || reason == EINTR) continue;
    if (reason == EMFILE || reason == ENFILE || reason == ENOBUFS || reason == ENOMEM) {
      log::error("cannot accept a connection: {}; trying again in {} ms", std::strerror(reason),
                 kDescriptorsShort.count());
      want_read(false);
      loop().arm(*this, kDescriptorsShort);
    }
    return;
  }
}

void Listener::shut() {
  shutting_ = true;
  accepting_ = true;
  accept_some(1 << 16);
  leave();
}

void Listener::leave() {
  accepting_ = false;
  disarm();
  close();
}

}  // namespace edge
