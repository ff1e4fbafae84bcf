// One HTTP/1.0 exchange under one deadline. OpenSSL's own client looks at its deadline only when it has to wait, so a
// peer that sends without end would keep the thread, and it takes lines of heads without a limit.
#include "core/net/tls_ocsp_fetch.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/http.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "core/net/tls_owned.h"
#include "core/net/tls_pem.h"
#include "core/net/tls_x509_text.h"
#include "core/unique_fd.h"

namespace edge {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostHeadBytes = 8 * 1024;
constexpr Milliseconds kBetweenLooks{50};  // at `unwanted`

void release_text(char* text) {
  OPENSSL_free(text);
}
using Text = Owned<char, release_text>;

struct Target {
  std::string host;
  std::string port;
  std::string path;  // with the query
};

struct Exchange {
  const std::string& address;
  const std::atomic<bool>& unwanted;
  Clock::time_point until;
  LookUpHost look_up;
};

constexpr std::string_view kLate = "did not answer in time";
constexpr std::string_view kUnwanted = "is no longer needed";

std::unexpected<Error> failed(const Exchange& exchange, std::string_view why) {
  return tls_failure(fmt::format("the OCSP responder {} {}", exchange.address, why));
}

std::optional<Target> parse(const std::string& address) {
  char* host = nullptr;
  char* port = nullptr;
  char* path = nullptr;
  char* query = nullptr;
  const int parsed =
      OSSL_HTTP_parse_url(address.c_str(), nullptr, nullptr, &host, &port, nullptr, &path, &query, nullptr);
  const Text owned_host(host);
  const Text owned_port(port);
  const Text owned_path(path);
  const Text owned_query(query);
  ERR_clear_error();
  const bool is_clean = std::ranges::all_of(address, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  const bool is_http = is_same_name(std::string_view(address).substr(0, 7), "http://");
  if (parsed != 1 || !is_http || !is_clean || !*host) return std::nullopt;
  Target target{host, port, path};
  if (query && *query) target.path += '?' + std::string(query);
  // Brackets belong to the address' text, and not to its name.
  if (target.host.starts_with('[') && target.host.ends_with(']'))
    target.host = target.host.substr(1, target.host.size() - 2);
  return target;
}

/// Until the socket is ready for `events`, or has failed.
Result<void> wait(const Exchange& exchange, int socket, short events) {
  while (!exchange.unwanted.load(std::memory_order_relaxed)) {
    const auto left = std::chrono::ceil<Milliseconds>(exchange.until - Clock::now());
    if (left <= Milliseconds(0)) return failed(exchange, kLate);
    pollfd waiting{socket, events, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min(left, kBetweenLooks).count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return failed(exchange, std::strerror(errno));
  }
  return failed(exchange, kUnwanted);
}

Result<UniqueFd> connect_to(const Exchange& exchange, const addrinfo& to) {
  UniqueFd socket(::socket(to.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return failed(exchange, fmt::format("cannot be asked: {}", std::strerror(errno)));
  if (::connect(socket.get(), to.ai_addr, to.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) return failed(exchange, fmt::format("cannot be reached: {}", std::strerror(errno)));
  const Result<void> waited = wait(exchange, socket.get(), POLLOUT);
  if (!waited) return std::unexpected(waited.error());
  int reason = 0;
  socklen_t size = sizeof reason;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &reason, &size);
  if (reason != 0) return failed(exchange, fmt::format("cannot be reached: {}", std::strerror(reason)));
  return socket;
}

Result<UniqueFd> connect_to(const Exchange& exchange, const Target& target) {
  const auto gives_up = [&exchange] { return exchange.unwanted || exchange.until <= Clock::now(); };
  const Result<HostAddresses> found = look_up_host(target.host, target.port, gives_up, exchange.look_up);
  if (!found) return failed(exchange, found.error().context);
  if (!*found) return failed(exchange, exchange.unwanted ? kUnwanted : kLate);
  Result<UniqueFd> connected = failed(exchange, "has no address");
  for (const addrinfo* each = found->get(); each && !connected; each = each->ai_next)
    connected = connect_to(exchange, *each);
  return connected;
}

Result<void> send_all(const Exchange& exchange, int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const Result<void> waited = wait(exchange, socket, POLLOUT);
    if (!waited) return waited;
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
      return failed(exchange, fmt::format("broke off: {}", std::strerror(errno)));
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

/// The value of the first such line of a head.
std::string_view field(std::string_view head, std::string_view name) {
  for (std::size_t end = 0; (end = head.find("\r\n")) != std::string_view::npos; head.remove_prefix(end + 2)) {
    const std::string_view line = head.substr(0, end);
    if (line.size() <= name.size() || line[name.size()] != ':' || !is_same_name(line.substr(0, name.size()), name))
      continue;
    const std::size_t begin = line.find_first_not_of(" \t", name.size() + 1);
    return begin == std::string_view::npos ? "" : line.substr(begin, line.find_last_not_of(" \t") - begin + 1);
  }
  return {};
}

/// How many bytes the body has; nothing: as many as come.
Result<std::optional<std::size_t>> read_head(const Exchange& exchange, std::string_view head) {
  if (!head.starts_with("HTTP/1.") || head.size() < 12) return failed(exchange, "does not speak HTTP");
  if (head.substr(8, 4) != " 200")
    return failed(exchange,
                  fmt::format("answered{}", head.substr(8, std::min<std::size_t>(head.find("\r\n") - 8, 80))));
  if (!field(head, "transfer-encoding").empty())
    return failed(exchange, "answered in chunks, which were not asked for");
  const std::string_view length = field(head, "content-length");
  if (length.empty()) return std::optional<std::size_t>();
  std::size_t size = 0;
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), size);
  if (parsed.ec != std::errc() || parsed.ptr != length.data() + length.size() || size > kMostOcspBytes)
    return failed(exchange, fmt::format("answered with more than {} bytes", kMostOcspBytes));
  return std::optional(size);
}

/// Adds what has come; false: nothing comes any more.
Result<bool> receive(const Exchange& exchange, int socket, std::string& to) {
  char bytes[4096];
  while (true) {
    const Result<void> waited = wait(exchange, socket, POLLIN);
    if (!waited) return std::unexpected(waited.error());
    const ssize_t got = ::recv(socket, bytes, sizeof bytes, 0);
    if (got >= 0) {
      to.append(bytes, static_cast<std::size_t>(got));
      return got > 0;
    }
    if (errno != EAGAIN && errno != EINTR) return failed(exchange, fmt::format("broke off: {}", std::strerror(errno)));
  }
}

Result<std::string> receive_head(const Exchange& exchange, int socket, std::string& rest) {
  std::string received;
  while (true) {
    const std::size_t end = received.find("\r\n\r\n");
    if (end != std::string::npos) {
      rest = received.substr(end + 4);
      received.resize(end + 2);
      return received;
    }
    if (received.size() > kMostHeadBytes) return failed(exchange, "answered with a head that does not end");
    const Result<bool> more = receive(exchange, socket, received);
    if (!more) return std::unexpected(more.error());
    if (!*more) return failed(exchange, "closed without an answer");
  }
}

Result<std::string> receive_answer(const Exchange& exchange, int socket) {
  std::string body;
  const Result<std::string> head = receive_head(exchange, socket, body);
  if (!head) return std::unexpected(head.error());
  const Result<std::optional<std::size_t>> size = read_head(exchange, *head);
  if (!size) return std::unexpected(size.error());
  while (!*size || body.size() < **size) {
    if (body.size() > kMostOcspBytes)
      return failed(exchange, fmt::format("answered with more than {} bytes", kMostOcspBytes));
    const Result<bool> more = receive(exchange, socket, body);
    if (!more) return std::unexpected(more.error());
    if (*more) continue;
    if (*size) return failed(exchange, "broke off");
    break;
  }
  if (*size) body.resize(**size);
  return body;
}

std::string request_text(const Target& target, const std::string& body) {
  const bool is_ipv6 = target.host.contains(':');
  return fmt::format(
      "POST {} HTTP/1.0\r\nHost: {}{}{}:{}\r\nContent-Type: application/ocsp-request\r\nContent-Length: {}\r\n\r\n{}",
      target.path, is_ipv6 ? "[" : "", target.host, is_ipv6 ? "]" : "", target.port, body.size(), body);
}

}  // namespace

Result<std::string> fetch_ocsp(const std::string& address, const std::string& request,
                               const std::atomic<bool>& unwanted, Milliseconds patience, LookUpHost look_up) {
  const Exchange exchange{address, unwanted, Clock::now() + patience, look_up};
  const std::optional<Target> target = parse(address);
  if (!target) return failed(exchange, "has no address that can be asked: it must be http://HOST/PATH");
  const Result<UniqueFd> socket = connect_to(exchange, *target);
  if (!socket) return std::unexpected(socket.error());
  const Result<void> sent = send_all(exchange, socket->get(), request_text(*target, request));
  if (!sent) return std::unexpected(sent.error());
  return receive_answer(exchange, socket->get());
}

}  // namespace edge
