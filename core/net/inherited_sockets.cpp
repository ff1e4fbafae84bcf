// Sockets from a service manager: found by the environment, checked when they are asked for.
#include "core/net/inherited_sockets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace edge {
namespace {

/// A number in the environment; -1: none.
int number_in(const char* variable) {
  const char* const value = std::getenv(variable);
  if (!value) return -1;
  const std::string_view text(value);
  int number = -1;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc() && end == text.data() + text.size() ? number : -1;
}

int option_of(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

std::unexpected<Error> refused(int number, const std::string& why) {
  return fail(ErrorKind::internal, Side::ours, fmt::format("fd:{} {}", number, why));
}

}  // namespace

InheritedSockets::InheritedSockets(int count) {
  for (int number = kFirst; number < kFirst + count; ++number) {
    if (::fcntl(number, F_SETFD, FD_CLOEXEC) != 0) break;
    sockets_.emplace_back(number);
  }
}

InheritedSockets InheritedSockets::from_environment() {
  const bool ours = number_in("LISTEN_PID") == ::getpid();
  const int count = ours ? number_in("LISTEN_FDS") : 0;
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  return InheritedSockets(count);
}

Result<UniqueFd> InheritedSockets::listener(int number, int backlog) const {
  if (sockets_.empty()) {
    return refused(number,
                   "is not there: edge was started without sockets (LISTEN_FDS, LISTEN_PID); start it by a .socket "
                   "unit of systemd, or listen on an address");
  }
  const int last = kFirst + static_cast<int>(sockets_.size()) - 1;
  if (number < kFirst || number > last) {
    return refused(number, fmt::format("is not there: edge was started with fd:{} to fd:{}", kFirst, last));
  }
  if (option_of(number, SO_TYPE) != SOCK_STREAM || option_of(number, SO_ACCEPTCONN) != 1) {
    return refused(number, "is no listening stream socket; a .socket unit needs ListenStream= and Accept=no");
  }
  UniqueFd own(::fcntl(number, F_DUPFD_CLOEXEC, 0));
  if (!own || ::fcntl(own.get(), F_SETFL, ::fcntl(own.get(), F_GETFL) | O_NONBLOCK) != 0 ||
      ::listen(own.get(), backlog) != 0) {
    return refused(number, fmt::format("cannot be used: {}", std::strerror(errno)));
  }
  const int on = 1;
  ::setsockopt(own.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it; not of unix ones
  return own;
}

}  // namespace edge
