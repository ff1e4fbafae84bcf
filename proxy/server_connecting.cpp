// The beginning of a connection to a server: its socket, and TLS.
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "core/http/client_connection.h"
#include "core/net/tls_client_stream.h"
#include "core/unique_fd.h"
#include "proxy/server_connection.h"

namespace edge {

namespace {

/// An address as the kernel takes it.
struct Where {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

Result<Where> unix_socket(const std::string& path) {
  Where where;
  sockaddr_un named{};
  named.sun_family = AF_UNIX;
  const bool has_file = path.front() != '@';
  if (path.size() + (has_file ? 1 : 0) > sizeof named.sun_path) {
    return fail(ErrorKind::bad_gateway, Side::upstream, "unix:" + path + ": the path is longer than 107 bytes", true);
  }
  std::memcpy(named.sun_path, path.data(), path.size());
  if (!has_file) named.sun_path[0] = '\0';
  std::memcpy(&where.bytes, &named, sizeof named);
  where.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (has_file ? 1 : 0));
  return where;
}

Result<Where> where_is(const ServerEndpoint& endpoint) {
  if (!endpoint.unix_path.empty()) return unix_socket(endpoint.unix_path);
  Where where;
  where.size = endpoint.address.to_sockaddr(where.bytes);
  return where;
}

std::string reason(int error, bool is_unix) {
  switch (error) {
    case ECONNREFUSED:
      return is_unix ? "nobody listens on that socket; is the server running?" : "connection refused: nothing listens";
    case ENOENT:
      return "there is no such socket; is the server running?";
    case EACCES:
    case EPERM:
      return is_unix ? "edge may not write to that socket; change its mode or group" : "this machine forbids it";
    case EAGAIN:
      return is_unix ? "the server does not accept: its backlog is full" : "no local port is left";
    case EADDRNOTAVAIL:
      return "no local port is left";
    default:
      return std::strerror(error);
  }
}

std::string name_of(const ServerEndpoint& endpoint) {
  if (!endpoint.server_name.empty() || !endpoint.unix_path.empty()) return endpoint.server_name;
  char ip[46];
  return std::string(endpoint.address.ip_text(ip));
}

}  // namespace

std::string ServerEndpoint::text() const {
  return unix_path.empty() ? address.text() : "unix:" + unix_path;
}

Task<Result<ServerConnection::Pointer>> ServerConnection::connect(Loop& loop, const ServerEndpoint& endpoint,
                                                                  Milliseconds timeout, Cancellation& cancellation) {
  if (cancellation.requested()) co_return std::unexpected(client_gone());
  Pointer connection(new ServerConnection(endpoint.text()));
  const Result<Where> where = where_is(endpoint);
  if (!where) co_return std::unexpected(where.error());
  const int kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  UniqueFd socket(::socket(where->bytes.ss_family, kind, 0));
  if (!socket) {
    co_return fail(ErrorKind::unavailable, Side::ours,
                   fmt::format("no socket for a connection to {}: {}", connection->where_, std::strerror(errno)));
  }
  const bool is_unix = where->bytes.ss_family == AF_UNIX;
  const int on = 1;
  if (!is_unix) ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int begun = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&where->bytes), where->size);
  const bool pending = begun != 0 && errno == EINPROGRESS;
  if (begun != 0 && !pending) co_return std::unexpected(connection->failure(reason(errno, is_unix)));
  if (const int status = connection->watch(loop, socket.release()); status != 0) {
    co_return fail(ErrorKind::unavailable, Side::ours,
                   fmt::format("a connection to {} cannot be watched: {}", connection->where_, std::strerror(-status)));
  }
  loop.arm(*connection, timeout);
  Result<void> ready;
  if (pending) ready = co_await connection->reach(cancellation);
  if (ready && endpoint.tls) ready = co_await connection->agree_on_tls(endpoint, cancellation);
  connection->disarm();
  if (!ready) co_return std::unexpected(std::move(ready.error()));
  co_return std::move(connection);
}

Task<Result<void>> ServerConnection::reach(Cancellation& cancellation) {
  const Woken woken = co_await Wait{*this, true, cancellation};
  if (!is_event(woken)) co_return std::unexpected(gave_up(woken, "no connection within connect_timeout"));
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) co_return std::unexpected(failure(reason(error, false)));
  co_return Result<void>();
}

Task<Result<void>> ServerConnection::agree_on_tls(const ServerEndpoint& endpoint, Cancellation& cancellation) {
  const std::string name = name_of(endpoint);
  if (name.empty()) co_return std::unexpected(failure("TLS over a unix socket needs server_name"));
  tls_ = std::make_unique<TlsClientStream>(endpoint.tls, name, where_, fd());
  while (true) {
    const TlsEnd::Step step = tls_->handshake();
    if (step == TlsEnd::Step::done) co_return Result<void>();
    if (step == TlsEnd::Step::not_tls) co_return std::unexpected(failure("it does not speak TLS; is it http://?"));
    if (step == TlsEnd::Step::failed) co_return std::unexpected(failure("TLS failed: " + tls_->error()));
    const bool for_room = step == TlsEnd::Step::wants_write;
    const Woken woken = co_await Wait{*this, for_room, cancellation};
    if (!is_event(woken)) co_return std::unexpected(gave_up(woken, "TLS was not agreed on within connect_timeout"));
  }
}

}  // namespace edge
