// The commands' side of the control socket.
#include "cmd/control_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "cmd/check.h"
#include "config/control_path.h"
#include "config/machine.h"

namespace edge {
namespace {

constexpr std::size_t kMostAnswer = 16 << 20;
constexpr timeval kConnecting{5, 0};
constexpr const char* kNoAnswer = "the connection was closed without an answer; the edge's log may say why";

std::string user_name(uid_t user) {
  const passwd* entry = ::getpwuid(user);
  return entry ? fmt::format("{} (uid {})", entry->pw_name, user) : fmt::format("uid {}", user);
}

std::unexpected<Error> nobody_listens(const ControlPlace& place) {
  const std::string& path = place.paths.front();
  if (place.file.empty()) {
    return fail(ErrorKind::not_found, Side::client,
                fmt::format("nothing listens at {}: that is no control socket of a running edge", path));
  }
  std::string why;
  if (::access(place.file.c_str(), R_OK) != 0) {
    why = errno == ENOENT || errno == ENOTDIR ? "there is no such file, and "
                                              : "you may not read it, so where its socket is can only be guessed: ";
  }
  return fail(ErrorKind::not_found, Side::client,
              fmt::format("no edge serves {}: {}nothing listens at {}; start it with `edge serve {}`, or name the "
                          "socket with --control",
                          place.file, why, path, place.file));
}

std::unexpected<Error> not_allowed(const std::string& path) {
  struct stat socket{};
  const std::string owner = ::stat(path.c_str(), &socket) == 0
                                ? fmt::format("it belongs to {}", user_name(socket.st_uid))
                                : std::string("its folder cannot be entered");
  return fail(ErrorKind::forbidden, Side::client,
              fmt::format("{}: permission denied: {}, and you are {}; run this as that user or as root", path, owner,
                          user_name(::geteuid())));
}

/// A connected socket, or why not: an errno.
std::expected<UniqueFd, int> connect_to(const std::string& path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.size() >= sizeof where.sun_path) return std::unexpected(ENAMETOOLONG);
  std::memcpy(where.sun_path, path.c_str(), path.size() + 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return std::unexpected(errno);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kConnecting, sizeof kConnecting);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    return std::unexpected(errno == EAGAIN ? ETIMEDOUT : errno);
  }
  return socket;
}

bool nobody_is_there(int error) {
  return error == ENOENT || error == ECONNREFUSED || error == ENOTDIR;
}

/// Head and body of an HTTP/1 answer that has arrived whole; nothing when it is none, or is cut.
std::optional<ControlAnswer> parse_answer(std::string_view text) {
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const std::size_t end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.") || end == std::string_view::npos || end < 12) return std::nullopt;
  const std::string_view head = text.substr(0, end + 2);
  const std::string_view body = text.substr(end + 4);
  ControlAnswer answer;
  const auto status = std::from_chars(head.data() + 9, head.data() + 12, answer.status);
  const std::size_t named = head.find(kLength);
  if (status.ec != std::errc() || named == std::string_view::npos) return std::nullopt;
  std::size_t length = 0;
  const auto declared = std::from_chars(head.data() + named + kLength.size(), head.data() + head.size(), length);
  if (declared.ec != std::errc() || length != body.size()) return std::nullopt;
  answer.body = body;
  return answer;
}

}  // namespace

Result<ControlPlace> control_place(const std::string& file, const std::string& control) {
  if (!control.empty()) return ControlPlace{file, {control}};
  std::string chosen = file;
  if (chosen.empty()) {
    Result<std::string> found = find_site_file();
    if (!found) return std::unexpected(found.error());
    chosen = std::move(*found);
  }
  const config::Environment environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  const config::ThisMachine machine(environment);
  ControlPlace place{chosen, {}};
  // The defaults too: the edge may have been started before the file named a socket.
  if (std::optional<std::string> named = config::named_control_path(chosen, machine)) place.paths.push_back(*named);
  for (std::string& path :
       config::default_control_paths(config::absolute_path(machine.working_directory(), chosen), environment)) {
    place.paths.push_back(std::move(path));
  }
  return place;
}

Result<ControlClient> ControlClient::connect(const ControlPlace& place) {
  for (const std::string& path : place.paths) {
    std::expected<UniqueFd, int> socket = connect_to(path);
    if (!socket && nobody_is_there(socket.error())) continue;
    if (!socket && (socket.error() == EACCES || socket.error() == EPERM)) return not_allowed(path);
    if (!socket) {
      return fail(ErrorKind::internal, Side::client, fmt::format("{}: {}", path, std::strerror(socket.error())));
    }
    ucred peer{};
    socklen_t size = sizeof peer;
    ::getsockopt(socket->get(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
    if (::geteuid() != 0 && peer.uid != 0 && peer.uid != ::geteuid()) {
      return fail(ErrorKind::forbidden, Side::client,
                  fmt::format("{}: what listens there runs as {}, not as you or root, and is not trusted", path,
                              user_name(peer.uid)));
    }
    return ControlClient(std::move(*socket), path, peer.pid);
  }
  return nobody_listens(place);
}

std::unexpected<Error> ControlClient::failed(ErrorKind kind, const std::string& what) const {
  return fail(kind, Side::upstream, fmt::format("{} (pid {}): {}", path_, pid_, what));
}

Result<ControlAnswer> ControlClient::ask(const std::string& method, const std::string& path,
                                         std::optional<Milliseconds> patience) && {
  const std::string request =
      fmt::format("{} {} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", method, path);
  if (::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return failed(ErrorKind::closed, kNoAnswer);
  }
  const Result<std::string> text = receive(patience);
  if (!text) return std::unexpected(text.error());
  if (text->empty()) {
    return failed(ErrorKind::closed, kNoAnswer);
  }
  std::optional<ControlAnswer> answer = parse_answer(*text);
  if (!answer) {
    return failed(ErrorKind::bad_gateway, "the answer is cut or is not one of edge; does something else listen there?");
  }
  return std::move(*answer);
}

Result<std::string> ControlClient::receive(std::optional<Milliseconds> patience) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point until = Clock::now() + patience.value_or(Milliseconds{0});
  std::string text;
  char block[16 * 1024];
  while (text.size() <= kMostAnswer) {
    const auto left = std::chrono::duration_cast<Milliseconds>(until - Clock::now()).count();
    pollfd readable{socket_.get(), POLLIN, 0};
    const int ready = ::poll(&readable, 1, patience ? static_cast<int>(std::max<long>(left, 0)) : -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      return failed(ErrorKind::timed_out, fmt::format("no answer within {} s", patience->count() / 1000));
    }
    const ssize_t got = ::recv(socket_.get(), block, sizeof block, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ECONNRESET) return failed(ErrorKind::closed, std::strerror(errno));
    if (got <= 0) return text;
    text.append(block, static_cast<std::size_t>(got));
  }
  return failed(ErrorKind::too_large, "the answer has no end");
}

}  // namespace edge
