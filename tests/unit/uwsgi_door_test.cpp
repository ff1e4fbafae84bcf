// The uwsgi protocol over a socketpair: every split point, deadlines, clients that leave, answers that break.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "support/captured_log.h"
#include "support/uwsgi_packet.h"
#include "unit/h1_wire.h"

using namespace edge;
using namespace edge::h1_test;
using edge::test::CapturedLog;
using edge::test::uwsgi_block;
using edge::test::uwsgi_packet;

namespace {

/// Reads the body, then answers with content of a length that nobody knows before; it may break off at its end.
struct StreamHandler final : Handler {
  struct Source final : BodySource {
    Source(std::size_t in_all, bool broken) : left(in_all), breaks(broken) {}
    Task<Result<Chunk>> pull() override {
      if (left == 0 && breaks) co_return fail(ErrorKind::bad_gateway, Side::app, "it broke off");
      const std::size_t now = std::min(left, bytes.size());
      left -= now;
      co_return Chunk{std::string_view(bytes).substr(0, now), left == 0 && !breaks};
    }
    std::string bytes = std::string(100'000, 'x');
    std::size_t left;
    bool breaks;
  };
  StreamHandler(std::size_t in_all, bool broken) : size(in_all), breaks(broken) {}
  Task<Response> handle(Request& request) override {
    for (bool more = true; more;) {
      const Result<std::string_view> piece = co_await request.body.read();
      if (!piece) co_return Response::of_error(request.arena, piece.error());
      more = !piece->empty();
    }
    Response response(request.arena);
    response.body = std::make_unique<Source>(size, breaks);
    co_return response;
  }
  std::size_t size;
  bool breaks;
};

/// Waits until the client has gone, or the test answers.
struct PatientHandler final : Handler {
  struct Gone final : Cancellation::Waiter {
    explicit Gone(Cancellation& in) : cancellation(in) {}
    bool await_ready() const noexcept { return cancellation.requested(); }
    void await_suspend(std::coroutine_handle<> handle) {
      waiting = handle;
      cancellation.enter(*this);
    }
    void await_resume() const noexcept {}
    void cancel() override { std::exchange(waiting, nullptr).resume(); }
    Cancellation& cancellation;
    std::coroutine_handle<> waiting;
  };
  Task<Response> handle(Request& request) override {
    Gone gone(request.cancellation);
    waits = &gone;
    co_await gone;
    waits = nullptr;
    if (request.cancellation.requested()) {
      ++cancelled;
      co_return Response::of_error(request.arena, client_gone());
    }
    co_return Response(request.arena, 204);
  }
  void answer() {
    waits->cancellation.leave();
    std::exchange(waits->waiting, nullptr).resume();
  }
  Gone* waits = nullptr;
  int cancelled = 0;
};

struct OwnFields final : Handler {
  Task<Response> handle(Request& request) override {
    Response response(request.arena, 200);
    for (const auto& [name, value] :
         {std::pair("Date", "then"), std::pair("Server", "mine"), std::pair("Connection", "keep-alive"),
          std::pair("Transfer-Encoding", "chunked"), std::pair("Set-Cookie", "a=1"), std::pair("Set-Cookie", "b=2")}) {
      response.headers.add(name, value);
    }
    response.body = std::string_view("hello");
    co_return response;
  }
};

std::string answer_of(const std::string& text) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" +
         text;
}

const std::string kGet = uwsgi_packet({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/a?b"}, {"HTTP_HOST", "x"}});
const std::string kPost =
    uwsgi_packet({{"REQUEST_METHOD", "POST"}, {"REQUEST_URI", "/p"}, {"CONTENT_LENGTH", "5"}}) + "hello";

std::string answer_to(const std::string& bytes, HttpSettings http = {},
                      std::unique_ptr<Handler> handler = std::make_unique<EchoHandler>()) {
  Wire wire(http, std::move(handler), Speaks::uwsgi);
  wire.send(bytes);
  return wire.what_comes();
}

}  // namespace

TEST_CASE("uwsgi: a request is answered and its connection ended, whatever way its bytes are split") {
  for (const auto& [bytes, expected] :
       {std::pair(kGet, answer_of("GET /a []")), std::pair(kPost, answer_of("POST /p [hello]"))}) {
    for (std::size_t split = 0; split < bytes.size(); ++split) {
      CAPTURE(split);
      Wire wire({}, std::make_unique<EchoHandler>(), Speaks::uwsgi);
      if (split > 0) wire.send(std::string_view(bytes).substr(0, split));
      REQUIRE(wire.received().empty());
      wire.send(std::string_view(bytes).substr(split));
      REQUIRE(wire.until_end() == expected);
      REQUIRE_FALSE(wire.was_reset());
    }
    Wire wire({}, std::make_unique<EchoHandler>(), Speaks::uwsgi);
    for (const char byte : bytes) wire.send({&byte, 1});
    CHECK(wire.until_end() == expected);
  }
}

TEST_CASE("uwsgi: a packet larger than a block of memory, and a body larger than a buffer") {
  const std::string value(40'000, 'v');
  const std::string large = uwsgi_packet({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/big"}, {"FOO", value}});
  CHECK(answer_to(large) == answer_of("GET /big []"));
  Wire wire({}, std::make_unique<EchoHandler>(), Speaks::uwsgi);
  wire.send(uwsgi_packet({{"REQUEST_METHOD", "PUT"}, {"REQUEST_URI", "/"}, {"CONTENT_LENGTH", "300000"}}));
  for (int i = 0; i < 30; ++i) wire.send(std::string(10'000, 'b'));
  CHECK(wire.until_end() == answer_of("PUT / [" + std::string(300'000, 'b') + "]"));
}

TEST_CASE("uwsgi: the app's fields stand as they are, but for those of a connection") {
  CHECK(answer_to(kGet, {}, std::make_unique<OwnFields>()) ==
        "HTTP/1.1 200 OK\r\nServer: mine\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 5\r\n\r\nhello");
}

TEST_CASE("uwsgi: content of unknown length ends with the connection, and a break shows as a reset") {
  for (const bool breaks : {false, true}) {
    for (const std::string& request : {kGet, kPost}) {
      CAPTURE(breaks);
      Wire wire({}, std::make_unique<StreamHandler>(250'000, breaks), Speaks::uwsgi);
      wire.send(request);
      CHECK(wire.until_end() == "HTTP/1.1 200 OK\r\n\r\n" + std::string(250'000, 'x'));
      CHECK(wire.was_reset() == breaks);
      CHECK(wire.all_closed());
    }
  }
}

TEST_CASE("uwsgi: an answer that leaves the body unread arrives whole, and then reading goes on for a while") {
  HttpSettings http;
  http.client_max_body_size = 4;
  Wire wire(http, std::make_unique<EchoHandler>(), Speaks::uwsgi);
  wire.send(kPost);
  const std::string answer = wire.until_end();
  CHECK(answer.starts_with("HTTP/1.1 413 "));
  CHECK_FALSE(wire.was_reset());
  CHECK(wire.door().connections() == 1);
  wire.leave();
  CHECK(wire.all_closed());
}

TEST_CASE("uwsgi: bytes behind the body are ignored") {
  CHECK(answer_to(kPost + "more than announced") == answer_of("POST /p [hello]"));
  CHECK(answer_to(kGet + kGet) == answer_of("GET /a []"));
}

TEST_CASE("uwsgi: a client that is done with sending is answered, one that has gone is not computed for") {
  auto owned = std::make_unique<PatientHandler>();
  PatientHandler& handler = *owned;
  Wire wire({}, std::move(owned), Speaks::uwsgi);
  wire.send(kGet);
  wire.end_sending();
  for (int i = 0; i < 5; ++i) wire.turn();
  REQUIRE(handler.waits);
  handler.answer();
  CHECK(wire.until_end() == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(handler.cancelled == 0);
  REQUIRE(wire.all_closed());
  wire.connect();
  wire.send(kGet);
  REQUIRE(handler.waits);
  wire.leave();
  CHECK(wire.all_closed());
  CHECK(handler.cancelled == 1);
}

TEST_CASE("uwsgi: a client that leaves within its packet or body costs nothing and answers nothing") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{2}, std::size_t{9}, kPost.size() - 1}) {
    CAPTURE(size);
    Wire wire({}, std::make_unique<EchoHandler>(), Speaks::uwsgi);
    if (size > 0) wire.send(kPost.substr(0, size));
    wire.leave();
    CHECK(wire.all_closed());
  }
}

TEST_CASE("uwsgi: slow senders meet header_timeout and body_timeout") {
  HttpSettings http;
  http.header_timeout = http.body_timeout = Milliseconds(20);
  for (const std::size_t size : {std::size_t{3}, kPost.size() - 2}) {
    CAPTURE(size);
    Wire wire(http, std::make_unique<EchoHandler>(), Speaks::uwsgi);
    wire.send(kPost.substr(0, size));
    CHECK(wire.until_end().starts_with("HTTP/1.1 408 "));
  }
  Wire silent(http, std::make_unique<EchoHandler>(), Speaks::uwsgi);
  CHECK(silent.until_end().empty());
}

TEST_CASE("uwsgi: who speaks HTTP is told what this port is, and the log says so once a second") {
  CapturedLog log;
  const auto begun = std::chrono::steady_clock::now();
  Wire wire({}, std::make_unique<EchoHandler>(), Speaks::uwsgi);
  for (const char* request : {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.0\r\n\r\n",
                              "OPTIONS * HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    CAPTURE(request);
    wire.connect();
    wire.send(request);
    const std::string answer = wire.until_end();
    CHECK(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(answer.contains("speaks the uwsgi protocol, for the app blog"));
    CHECK(answer.contains("HTTP is at http://127.0.0.1:8080."));
    CHECK_FALSE(wire.was_reset());
    wire.leave();
  }
  const std::string text = log.text();
  const std::string_view said = "[blog] uwsgi socket: a client speaks HTTP here";
  int lines = 0;
  for (std::size_t at = 0; (at = text.find(said, at)) != text.npos; ++at) ++lines;
  CHECK(lines >= 1);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun);
  CHECK(lines <= 2 + seconds.count());  // a second may have ended in between
}

TEST_CASE("uwsgi: other packets, TLS and noise are closed with a word in the log") {
  for (const auto& [bytes, said] :
       {std::pair(std::string("\x16\x03\x01\x02\x00\x01", 6), "a client speaks TLS here"),
        std::pair(uwsgi_packet(uwsgi_block({{"REQUEST_METHOD", "GET"}}), 30), "a packet with modifier1 30"),
        std::pair(uwsgi_packet("", 100), "a packet with modifier1 100"),
        std::pair(std::string("\xff\xff\xff\xff"), "modifier1 255")}) {
    CAPTURE(said);
    CapturedLog log;
    Wire wire({}, std::make_unique<EchoHandler>(), Speaks::uwsgi);
    wire.send(bytes);
    CHECK(wire.until_end().empty());
    CHECK(log.contains(said));
    CHECK(wire.all_closed());
  }
  CHECK(answer_to(uwsgi_packet("")).starts_with("HTTP/1.1 400 "));
  CHECK(answer_to(uwsgi_packet("nonsense")).starts_with("HTTP/1.1 400 "));
}

TEST_CASE("uwsgi: a stop answers what has arrived and closes the rest") {
  Wire wire({}, std::make_unique<EchoHandler>(), Speaks::uwsgi);
  wire.leave_bytes(kPost);
  bool stopped = false;
  wire.door().stop([&stopped] { stopped = true; });
  CHECK(wire.until_end() == answer_of("POST /p [hello]"));
  CHECK(wire.all_closed());
  CHECK(stopped);
}
