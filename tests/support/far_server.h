// FarServer: the server that a connection of the proxy's talks to, on loopback or a unix socket, in the test's thread.
#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/net/listener.h"
#include "core/net/tls_stream.h"
#include "proxy/server_connection.h"
#include "support/arrival.h"

namespace edge::test {

inline constexpr Milliseconds kSoon{40};     // what is to run out
inline constexpr Milliseconds kLong{5'000};  // what is not

/// So many bytes of what an end hears, or more, which may still be under way; fewer when there are no more.
template <class End>
std::string hear_from(End& end, int fd, std::size_t wanted) {
  std::string heard = end.hear();
  while (heard.size() < wanted && !end.over() && comes(fd)) heard += end.hear();
  return heard;
}

/// Turns the loop until `task` has ended; between the turns `meanwhile` plays the server. At most twenty seconds: the
/// limits of the tasks come first.
template <class T>
T finish(Loop& loop, Task<T> task, const std::function<void()>& meanwhile = [] {}) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (int turn = 0; std::chrono::steady_clock::now() < limit && !task.done(); ++turn) {
    meanwhile();
    uv_run(loop.uv(), UV_RUN_NOWAIT);
    if (!task.done() && turn > 20) ::poll(nullptr, 0, 1);  // deadlines and the kernel are in real time
  }
  if (!task.done()) throw std::runtime_error("the task does not end");
  return task.take();
}

/// What one connection that was accepted does; its descriptor does not wait.
class FarEnd {
 public:
  explicit FarEnd(UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  void say(std::string_view bytes) const {
    REQUIRE(::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  /// All that has come; `ended()` tells of the end.
  std::string hear() {
    std::string heard;
    char bytes[64 * 1024];
    ssize_t got = 0;
    while ((got = ::recv(fd(), bytes, sizeof bytes, 0)) > 0) heard.append(bytes, static_cast<std::size_t>(got));
    ended_ = got == 0;
    was_reset_ = was_reset_ || (got < 0 && errno == ECONNRESET);
    return heard;
  }
  std::string hear(std::size_t wanted) { return hear_from(*this, fd(), wanted); }
  bool over() const { return ended_ || was_reset_; }
  bool ended() const { return ended_; }
  /// Whether the end comes, in order and with nothing before it.
  bool ends() { return hear(1).empty() && ended_ && !was_reset_; }
  void end_sending() const { ::shutdown(fd(), SHUT_WR); }
  void leave() { fd_.reset(); }
  void reset() {
    const linger now{1, 0};
    REQUIRE(::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    fd_.reset();
  }

 private:
  UniqueFd fd_;
  bool ended_ = false;
  bool was_reset_ = false;
};

class FarServer {
 public:
  explicit FarServer(int backlog = 16) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int small = 128 * 1024;  // what clients say does not vanish in the kernel
    REQUIRE(::setsockopt(listener_.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
    REQUIRE(::listen(listener_.get(), backlog) == 0);
    endpoint.address = bound_address(listener_.get());
  }
  /// At a path.
  explicit FarServer(const std::string& path, int backlog = 16) {
    Result<UniqueFd> opened = open_unix_listener(path, backlog);
    REQUIRE(opened);
    listener_ = std::move(*opened);
    endpoint.unix_path = path;
  }

  bool has_client() const {
    pollfd waiting{listener_.get(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
  }
  FarEnd accept() const {
    REQUIRE(comes(listener_.get()));
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(fd);
    return FarEnd(std::move(fd));
  }
  /// Connects until nobody more gets in.
  void fill() {
    sockaddr_storage where{};
    const unsigned size = endpoint.address.to_sockaddr(where);
    for (int client = 0; client < 4; ++client) {
      UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&where), size);
      pollfd waiting{fd.get(), POLLOUT, 0};
      ::poll(&waiting, 1, 20);
      fillers_.push_back(std::move(fd));
    }
  }
  void leave() { listener_.reset(); }

  ServerEndpoint endpoint;

 private:
  UniqueFd listener_;
  std::vector<UniqueFd> fillers_;
};

/// The server's end of TLS over a FarEnd.
class FarTls {
 public:
  FarTls(FarEnd& end, std::shared_ptr<const TlsSites> sites)
      : fd_(end.fd()), stream_(std::move(sites), output_, end.fd()) {}

  /// A step of the handshake, if it is under way.
  void step() {
    if (under_way()) step_ = stream_.handshake();
  }
  bool agreed() const { return step_ == TlsStream::Step::done; }
  TlsStream& stream() { return stream_; }
  std::string hear() {
    std::string heard;
    char bytes[64 * 1024];
    std::ptrdiff_t got = 0;
    while ((got = stream_.read(bytes, sizeof bytes)) > 0) heard.append(bytes, static_cast<std::size_t>(got));
    ended_ = got == 0;
    broken_ = got == TlsStream::kBroken;
    return heard;
  }
  std::string hear(std::size_t wanted) { return hear_from(*this, fd_, wanted); }
  bool over() const { return ended_ || broken_; }
  bool ended() const { return ended_; }
  bool under_way() const { return step_ == TlsStream::Step::wants_read || step_ == TlsStream::Step::wants_write; }

 private:
  const int fd_;
  TlsOutput output_;
  TlsStream stream_;
  TlsStream::Step step_ = TlsStream::Step::wants_read;
  bool ended_ = false;
  bool broken_ = false;
};

/// A connection with both its ends at hand.
struct ServerPair {
  explicit ServerPair(FarServer& server, Milliseconds timeout = Milliseconds(5'000))
      : near(connected(server, timeout)), far(server.accept()) {}

  ServerConnection::Pointer connected(const FarServer& server, Milliseconds timeout) {
    auto made = finish(loop, ServerConnection::connect(loop, server.endpoint, timeout, cancellation));
    if (!made) throw std::runtime_error(made.error().context);
    return std::move(*made);
  }
  void turn() { uv_run(loop.uv(), UV_RUN_NOWAIT); }
  /// What one receive() gives; "!" and the error's text when it is one.
  std::string receive(Milliseconds timeout = Milliseconds(5'000), std::size_t size = 100'000) {
    std::string bytes(size, '\0');
    auto got = finish(loop, near->receive(bytes.data(), size, timeout, cancellation));
    if (!got) return "!" + (error = got.error()).context;
    return bytes.substr(0, *got);
  }
  Result<ServerConnection::SendProgress> send(
      std::string_view bytes, Milliseconds timeout = Milliseconds(5'000),
      const std::function<void()>& meanwhile = [] {}) {
    return finish(loop, near->send(bytes, {}, {}, timeout, cancellation), meanwhile);
  }

  Loop loop{0};
  Cancellation cancellation;
  Error error;  // of receive()
  ServerConnection::Pointer near;
  FarEnd far;
};

}  // namespace edge::test
