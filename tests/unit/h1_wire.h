// A client of a Door over a socketpair, with TLS or without, on a loop that turns when the test says so.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/http/door.h"
#include "core/http/h2_connection.h"
#include "core/http/handler.h"
#include "core/uwsgi/public_socket.h"
#include "support/tls_far_end.h"

namespace edge::h1_test {

/// Answers with "METHOD PATH [BODY]".
struct EchoHandler final : Handler {
  Task<Response> handle(Request& request) override {
    std::string text = std::string(request.method_name) + " " + std::string(request.path) + " [";
    while (true) {
      const Result<std::string_view> piece = co_await request.body.read();
      if (!piece) co_return Response::of_error(request.arena, piece.error());
      if (piece->empty()) break;
      text += *piece;
    }
    Response response(request.arena);
    response.headers.add("Content-Type", "text/plain");
    response.body = request.arena.copy(text + "]");
    co_return response;
  }
};

enum class Speaks : std::uint8_t { http1, http2, uwsgi };

struct Http2 final : Protocol {
  std::unique_ptr<ClientConnection> connection(Door& door, Entrance& entrance, const ConnectionInfo& info) override {
    return std::make_unique<H2Connection>(door, entrance, info);
  }
};

class Wire {
 public:
  explicit Wire(HttpSettings http = {}, std::unique_ptr<Handler> handler = std::make_unique<EchoHandler>(),
                Speaks speaks = Speaks::http1, bool with_tls = false)
      : speaks_(speaks), with_tls_(with_tls) {
    auto site = std::make_unique<Site>();
    site->http = http;
    Route route;
    route.path.path = "/";
    route.http = http;
    route.handler = std::move(handler);
    site->routes.push_back(std::move(route));
    std::vector<std::unique_ptr<Site>> sites;
    sites.push_back(std::move(site));
    auto router = std::make_shared<Router>(std::move(sites));
    door_ = std::make_unique<Door>(loop_, limit_);
    if (with_tls) {
      static const std::shared_ptr<const TlsContext> certificate = test::site_of("a.test");
      entrance_ = &door_->open(router, HttpFront{.tls = test::only(certificate), .http2 = true});
    } else if (speaks == Speaks::http1) {
      entrance_ = &door_->open(router);
    } else {
      entrance_ = &door_->open(router, speaks == Speaks::uwsgi ? static_cast<Protocol&>(public_socket_) : http2_);
    }
    connect();
  }
  ~Wire() {
    leave();
    door_->stop([] {});
    door_->kill();
    while (door_->connections() > 0) turn();
  }

  void connect() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    const int small = 16 * 1024;
    ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    client_ = ends[0];
    server_ = ends[1];
    ended_ = reset_ = false;
    received_.clear();
    door_->adopt(*entrance_, ends[1], {}, {});
    if (!with_tls_) return;
    tls_.emplace(client_, speaks_ == Speaks::http2);
    for (int step = 0; step < 10 && !tls_->shakes(); ++step) turn();
  }
  void leave() {
    if (client_ >= 0) ::close(std::exchange(client_, -1));
  }
  void turn() { uv_run(loop_.uv(), UV_RUN_NOWAIT); }
  void send(std::string_view bytes) {
    REQUIRE(offer(bytes) == bytes.size());
    turn();
    take();
  }
  /// Leaves bytes in the socket without a turn of the loop.
  void leave_bytes(std::string_view bytes) { REQUIRE(offer(bytes) == bytes.size()); }
  /// Fills the way to the client, so that not one byte more can be sent.
  void fill() {
    while (::send(server_, "x", 1, MSG_NOSIGNAL) == 1) {
    }
  }
  /// Makes the way to the client as wide as the kernel lets it be.
  void widen() const {
    const int large = 1 << 20;
    ::setsockopt(server_, SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
  }
  /// Reads until the connection has ended, or nothing more can come without a deadline or another byte.
  std::string what_comes() {
    for (int quiet = 0; quiet < 10 && !ended_; ++quiet) {
      const std::size_t before = received_.size();
      turn();
      take();
      if (received_.size() > before) quiet = 0;
    }
    return received();
  }
  /// Runs the loop until no connection is left. False: that did not happen within five seconds.
  bool all_closed() {
    for (int i = 0; i < 5000 && door_->connections() > 0; ++i) {
      turn();
      ::poll(nullptr, 0, door_->connections() > 0 ? 1 : 0);  // deadlines are in real time
    }
    return door_->connections() == 0;
  }
  void take() {
    if (tls_) return take_from_tls();
    char bytes[65536];
    ssize_t got;
    while ((got = ::recv(client_, bytes, sizeof bytes, 0)) > 0) received_.append(bytes, static_cast<std::size_t>(got));
    if (got < 0 && errno == ECONNRESET) ended_ = reset_ = true;
    if (got == 0) ended_ = true;
  }
  /// Everything up to the connection's end.
  std::string until_end() {
    for (take(); !ended_; take()) uv_run(loop_.uv(), UV_RUN_ONCE);
    return without_dates(received_);
  }
  /// What has come since the last call, as it is.
  std::string take_bytes() {
    take();
    return std::exchange(received_, {});
  }
  /// Sends as much as there is room for.
  std::size_t offer(std::string_view bytes) {
    if (tls_) return bytes.empty() ? 0 : tls_->say(bytes);
    const ssize_t sent = ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  std::string received() const { return without_dates(received_); }
  bool ended() const { return ended_; }
  /// The end was no orderly one.
  bool was_reset() const { return reset_; }
  /// No more bytes from the client, which still reads.
  void end_sending() {
    REQUIRE(::shutdown(client_, SHUT_WR) == 0);
    turn();
    take();
  }
  Door& door() { return *door_; }

  static std::string without_dates(std::string text) {
    for (std::size_t at; (at = text.find("Date: ")) != std::string::npos;) text.erase(at, text.find('\n', at) + 1 - at);
    return text;
  }

 private:
  void take_from_tls() {
    char bytes[65536];
    std::ptrdiff_t got;
    while ((got = tls_->hear(bytes, sizeof bytes)) > 0) received_.append(bytes, static_cast<std::size_t>(got));
    if (got == test::TlsFarEnd::kBroken) ended_ = reset_ = true;
    if (got == 0) ended_ = true;
  }

  Loop loop_{0};
  Speaks speaks_;
  bool with_tls_;
  std::optional<test::TlsFarEnd> tls_;
  Http2 http2_;
  uwsgi::PublicSocket public_socket_{loop_, "blog", "http://127.0.0.1:8080"};
  ConnectionLimit limit_;
  std::unique_ptr<Door> door_;
  Entrance* entrance_ = nullptr;
  int client_ = -1;
  int server_ = -1;  // the door's; used while it is open only
  std::string received_;
  bool ended_ = false;
  bool reset_ = false;
};

/// What EchoHandler's answer looks like, without its date.
inline std::string echoed(const std::string& text, bool close = false) {
  return "HTTP/1.1 200 OK\r\nServer: edge\r\nContent-Type: text/plain\r\nContent-Length: " +
         std::to_string(text.size()) + "\r\n" + (close ? "Connection: close\r\n" : "") + "\r\n" + text;
}

}  // namespace edge::h1_test
