// ServerConnection without TLS: connecting, sending, receiving, and each way in which that ends.
#include "proxy/server_connection.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "support/far_server.h"
#include "support/temporary_directory.h"

using namespace edge;
using namespace edge::test;

namespace {

using Sent = ServerConnection::Sent;

/// Why no connection comes about.
Error refusal(const ServerEndpoint& endpoint, Milliseconds timeout = kLong) {
  Loop loop{0};
  Cancellation cancellation;
  auto made = finish(loop, ServerConnection::connect(loop, endpoint, timeout, cancellation));
  REQUIRE(!made);
  return made.error();
}

/// More than the kernel keeps for a server that does not read.
std::string ten_megabytes() {
  return std::string(10 << 20, 'x');
}

}  // namespace

TEST_CASE("server connection: a request and its answer, over TCP and over a unix socket") {
  const TemporaryDirectory folder;
  const auto exchange = [](FarServer& server) {
    ServerPair pair(server);
    const std::string first = "one ";
    auto sent = finish(pair.loop, pair.near->send(first, "two ", "three", kLong, pair.cancellation));
    REQUIRE(sent);
    CHECK(sent->taken == 13);
    CHECK(sent->sent == Sent::all);
    CHECK(pair.far.hear(13) == "one two three");
    pair.far.say("answer");
    CHECK(pair.receive() == "answer");
    CHECK(pair.near->bytes().sent == 13);
    CHECK(pair.near->bytes().received == 6);
    CHECK(!pair.near->reused());
    pair.far.leave();
    CHECK(pair.receive() == "");
    CHECK(!pair.near->truncated());
  };
  FarServer tcp;
  exchange(tcp);
  FarServer at_path((folder / "socket").string());
  exchange(at_path);
}

TEST_CASE("server connection: closing it is seen by the server") {
  FarServer server;
  ServerPair pair(server);
  pair.near.reset();
  pair.turn();
  CHECK(pair.far.ends());
}

TEST_CASE("server connection: a server that is not there") {
  FarServer server;
  server.leave();
  const Error tcp = refusal(server.endpoint);
  CHECK(tcp.kind == ErrorKind::bad_gateway);
  CHECK(tcp.side == Side::upstream);
  CHECK(tcp.retryable);
  CHECK(tcp.context == server.endpoint.text() + ": connection refused: nothing listens");

  const TemporaryDirectory folder;
  const std::string path = (folder / "socket").string();
  const Error none = refusal({.address = {}, .unix_path = path, .tls = {}, .server_name = {}});
  CHECK(none.kind == ErrorKind::bad_gateway);
  CHECK(none.retryable);
  CHECK(none.context == "unix:" + path + ": there is no such socket; is the server running?");
  FarServer gone(path);
  gone.leave();
  CHECK(refusal(gone.endpoint).context == "unix:" + path + ": nobody listens on that socket; is the server running?");
  const Error nameless = refusal({.address = {}, .unix_path = "@edge-test-nobody", .tls = {}, .server_name = {}});
  CHECK(nameless.context.ends_with("nobody listens on that socket; is the server running?"));
  const Error too_long = refusal({.address = {}, .unix_path = std::string(108, '/'), .tls = {}, .server_name = {}});
  CHECK(too_long.context.ends_with("the path is longer than 107 bytes"));
}

TEST_CASE("server connection: a server that does not accept") {
  FarServer tcp(0);
  tcp.fill();
  const Error late = refusal(tcp.endpoint, kSoon);
  CHECK(late.kind == ErrorKind::timed_out);
  CHECK(late.side == Side::upstream);
  CHECK(late.retryable);
  CHECK(late.context == tcp.endpoint.text() + ": no connection within connect_timeout");

  const TemporaryDirectory folder;
  FarServer at_path((folder / "socket").string(), 0);
  ServerPair pair(at_path);
  Loop loop{0};
  Cancellation cancellation;
  auto waits = finish(loop, ServerConnection::connect(loop, at_path.endpoint, kLong, cancellation));
  CHECK(waits);
  const Error full = refusal(at_path.endpoint);
  CHECK(full.kind == ErrorKind::bad_gateway);
  CHECK(full.retryable);
  CHECK(full.context.ends_with("the server does not accept: its backlog is full"));
}

TEST_CASE("server connection: an answer that does not come, and a request that is not taken") {
  FarServer server;
  ServerPair pair(server);
  CHECK(pair.receive(kSoon) == "!" + server.endpoint.text() + ": nothing came within read_timeout");
  CHECK(pair.error.kind == ErrorKind::timed_out);
  CHECK(pair.error.side == Side::upstream);
  CHECK(pair.error.retryable);  // nothing was sent
  const auto sent = pair.send(ten_megabytes(), kSoon);
  REQUIRE(!sent);
  CHECK(sent.error().kind == ErrorKind::timed_out);
  CHECK(sent.error().context == server.endpoint.text() + ": the request was not taken within send_timeout");
  CHECK(!sent.error().retryable);
}

TEST_CASE("server connection: a request that is taken slowly arrives whole") {
  FarServer server;
  ServerPair pair(server);
  std::string text = ten_megabytes();
  for (std::size_t at = 0; at < text.size(); at += 1000) text[at] = static_cast<char>('a' + (at / 1000) % 26);
  std::string heard;
  const auto sent = pair.send(text, kLong, [&] { heard += pair.far.hear(); });
  REQUIRE(sent);
  CHECK(sent->sent == Sent::all);
  CHECK(sent->taken == text.size());
  heard += pair.far.hear(text.size() - heard.size());
  CHECK((heard == text));
}

TEST_CASE("server connection: an early answer ends the sending, and may be followed by more") {
  FarServer server;
  ServerPair pair(server);
  pair.far.say("HTTP/1.1 413 ");
  const std::string text = ten_megabytes();
  const auto sent = pair.send(text);
  REQUIRE(sent);
  CHECK(sent->sent == Sent::answered);
  CHECK(sent->taken > 0);
  CHECK(sent->taken < text.size());
  CHECK(pair.near->has_arrived());
  CHECK(pair.receive() == "HTTP/1.1 413 ");
  CHECK(pair.near->has_sent());
  std::string heard;
  const auto rest = pair.send(std::string_view(text).substr(sent->taken), kLong, [&] { heard += pair.far.hear(); });
  REQUIRE(rest);
  CHECK(rest->sent == Sent::all);
  heard += pair.far.hear(text.size() - heard.size());
  CHECK(heard.size() == text.size());
}

TEST_CASE("server connection: a full buffer is no early answer when nothing follows") {
  FarServer server;
  ServerPair pair(server);
  pair.far.say("12345");
  CHECK(pair.receive(kLong, 5) == "12345");
  const auto sent = pair.send(ten_megabytes(), kLong, [&] { pair.far.hear(); });
  REQUIRE(sent);
  CHECK(sent->sent == Sent::all);
}

TEST_CASE("server connection: what a server said before it closed in the midst of the request is read") {
  FarServer server;
  ServerPair pair(server);
  pair.far.say("HTTP/1.1 413 ");
  pair.far.leave();  // with the request unread: the kernel resets
  const std::string text = ten_megabytes();
  Result<ServerConnection::SendProgress> sent = pair.send(text);
  REQUIRE(sent);
  CHECK(sent->sent == Sent::answered);
  sent = pair.send(text);  // it takes nothing more
  REQUIRE(sent);
  CHECK(sent->sent == Sent::answered);
  CHECK(pair.receive() == "HTTP/1.1 413 ");
  const std::string end = pair.receive();
  CHECK((end.empty() || end.starts_with('!')));
}

TEST_CASE("server connection: a reset in the middle of an answer") {
  FarServer server;
  ServerPair pair(server);
  REQUIRE(pair.send("request"));
  CHECK(pair.far.hear(7) == "request");
  pair.far.say("half of an ans");
  pair.far.reset();
  CHECK(pair.receive() == "half of an ans");
  CHECK(pair.receive() == "!" + server.endpoint.text() + ": Connection reset by peer");
  CHECK(pair.error.kind == ErrorKind::bad_gateway);
  CHECK(pair.error.side == Side::upstream);
  CHECK(!pair.error.retryable);
}

TEST_CASE("server connection: a file") {
  const TemporaryDirectory folder;
  std::string text = ten_megabytes();
  for (std::size_t at = 0; at < text.size(); at += 999) text[at] = static_cast<char>('a' + (at / 999) % 26);
  const UniqueFd file(::open(folder.write("content", text).c_str(), O_RDONLY | O_CLOEXEC));
  FarServer server;
  ServerPair pair(server);
  std::string heard;
  auto sent = finish(pair.loop, pair.near->send_file(file.get(), 100, text.size() - 200, kLong, pair.cancellation),
                     [&] { heard += pair.far.hear(); });
  REQUIRE(sent);
  CHECK(sent->taken == text.size() - 200);
  CHECK(sent->sent == Sent::all);
  heard += pair.far.hear(text.size() - 200 - heard.size());
  CHECK((heard == text.substr(100, text.size() - 200)));
  auto short_file = finish(pair.loop, pair.near->send_file(file.get(), text.size() - 5, 10, kLong, pair.cancellation));
  REQUIRE(!short_file);
  CHECK(short_file.error().side == Side::ours);
  CHECK(pair.near->bytes().sent == text.size() - 195);
}

TEST_CASE("server connection: cancelled in each wait") {
  const auto is_cancelled = [](const auto& result) {
    return !result && result.error().kind == ErrorKind::closed && result.error().side == Side::client;
  };
  FarServer full(0);
  full.fill();
  Loop loop{0};
  Cancellation connecting;
  auto connection =
      finish(loop, ServerConnection::connect(loop, full.endpoint, kLong, connecting), [&] { connecting.request(); });
  CHECK(is_cancelled(connection));
  auto again = finish(loop, ServerConnection::connect(loop, full.endpoint, kLong, connecting));
  CHECK(is_cancelled(again));

  FarServer server;
  ServerPair pair(server);
  char bytes[10];
  Cancellation receiving;
  auto received =
      finish(pair.loop, pair.near->receive(bytes, sizeof bytes, kLong, receiving), [&] { receiving.request(); });
  CHECK(is_cancelled(received));
  Cancellation sending;
  const std::string text = ten_megabytes();
  auto sent = finish(pair.loop, pair.near->send(text, {}, {}, kLong, sending), [&] { sending.request(); });
  CHECK(is_cancelled(sent));
}

TEST_CASE("server connection: a tunnel's two directions, without waiting") {
  struct Tunnel final : ServerConnection::Observer {
    void on_server_readable(ServerConnection& connection) override {
      char bytes[4];
      const std::ptrdiff_t got = connection.receive_now(bytes, sizeof bytes);
      if (got > 0) heard.append(bytes, static_cast<std::size_t>(got));
      if (got == 0) ended = true;
      if (got == 0) connection.want_events(false, false);
    }
    void on_server_writable(ServerConnection& connection) override {
      const std::ptrdiff_t taken = connection.send_now(to_say);
      REQUIRE(taken >= 0);
      to_say.remove_prefix(static_cast<std::size_t>(taken));
      if (to_say.empty()) connection.want_events(true, false);
      if (to_say.empty()) connection.end_sending();
    }
    void on_server_deadline(ServerConnection&) override { late = true; }
    std::string heard;
    std::string_view to_say;
    bool ended = false;
    bool late = false;
  } tunnel;
  FarServer server;
  ServerPair pair(server);
  const std::string text = ten_megabytes();
  tunnel.to_say = text;
  pair.near->observe(&tunnel);
  pair.near->want_events(true, true);
  pair.far.say("from the server");
  std::size_t said = 0;
  for (int turn = 0; turn < 5000 && !(pair.far.ended() && tunnel.heard == "from the server"); ++turn) {
    pair.turn();
    said += pair.far.hear().size();
    if (turn > 20) ::poll(nullptr, 0, 1);
  }
  CHECK(said == text.size());
  CHECK(tunnel.heard == "from the server");
  pair.far.leave();
  for (int turn = 0; turn < 5000 && !tunnel.ended; ++turn) {
    pair.turn();
    if (turn > 20) ::poll(nullptr, 0, 1);
  }
  CHECK(tunnel.ended);
  pair.near->want_deadline(Milliseconds(1));
  for (int turn = 0; turn < 5000 && !tunnel.late; ++turn) uv_run(pair.loop.uv(), UV_RUN_ONCE);
  CHECK(tunnel.late);
  CHECK(pair.near->send_now("anyone?") >= ServerConnection::kBroken);
  pair.near->observe(nullptr);
}
