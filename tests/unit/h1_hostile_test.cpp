// An HTTP/1 connection in the corners: answers that wait for the client, bodies that broke, a stop in between.
#include <doctest/doctest.h>

#include <chrono>
#include <coroutine>
#include <string>

#include "core/http/door.h"
#include "core/http/h1_connection.h"
#include "core/http/h1_parser.h"
#include "unit/h1_wire.h"

using namespace edge;
using namespace edge::h1_test;

namespace {

/// Content that fits into the loop's output and not into the socket's.
struct LargeHandler final : Handler {
  Task<Response> handle(Request& request) override {
    Response response(request.arena);
    response.body = std::string_view(content);
    co_return response;
  }
  std::string content = std::string(60'000, 'x');
};

/// Answers "/" like LargeHandler, and anything else once the test resumes it.
struct LargeThenSlowHandler final : Handler {
  struct Pause {
    std::coroutine_handle<>& waiting;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiter) { waiting = waiter; }
    void await_resume() const {}
  };
  Task<Response> handle(Request& request) override {
    Response response(request.arena);
    response.body = std::string_view(content);
    if (request.path == "/") co_return response;
    co_await Pause{waiting};
    response.body = std::string_view("slow");
    co_return response;
  }
  std::string content = std::string(60'000, 'x');
  std::coroutine_handle<> waiting;
};

/// Takes the whole body, and has nothing to say.
struct SilentHandler final : Handler {
  Task<Response> handle(Request& request) override {
    while (true) {
      const Result<std::string_view> piece = co_await request.body.read();
      if (!piece || piece->empty()) break;
    }
    co_return Response(request.arena, 204);
  }
};

/// Reads on after the body was refused, as a second handler for the error page may.
struct StubbornHandler final : Handler {
  Task<Response> handle(Request& request) override {
    while (refused < 2) {
      const Result<std::string_view> piece = co_await request.body.read();
      if (!piece && piece.error().kind == ErrorKind::malformed) ++refused;
      if (!piece && piece.error().kind != ErrorKind::malformed) break;
    }
    co_return Response::of_error(request.arena, {ErrorKind::malformed, Side::client, false, {}});
  }
  int refused = 0;
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

}  // namespace

TEST_CASE("an idle connection is small") {
  CHECK(sizeof(H1Connection) <= 360);
}

TEST_CASE("a stop waits for an answer that the client has yet to read, and for no longer") {
  Wire wire({}, std::make_unique<LargeHandler>());
  wire.send(kGet);
  CHECK(wire.received().size() < 60'000);
  bool done = false;
  wire.door().stop([&done] { done = true; });
  CHECK(wire.what_comes().ends_with(std::string(60'000, 'x')));
  CHECK(wire.ended());
  CHECK(wire.all_closed());
  CHECK(done);
}

TEST_CASE("a part of a head behind a slow answer has header_timeout") {
  HttpSettings http;
  http.header_timeout = Milliseconds(20);
  Wire wire(http, std::make_unique<LargeHandler>());
  wire.send(kGet + "GET / HTTP/1.1\r\nHos");
  for (int i = 0; i < 5000 && wire.received().find("HTTP/1.1 408") == std::string::npos; ++i) {
    wire.turn();
    wire.take();
    ::poll(nullptr, 0, 1);
  }
  CHECK(wire.received().find("xHTTP/1.1 408") != std::string::npos);
}

TEST_CASE("an answer without content has send_timeout too") {
  HttpSettings http;
  http.send_timeout = Milliseconds(20);
  Wire wire(http, std::make_unique<SilentHandler>());
  wire.fill();
  wire.leave_bytes("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  wire.turn();
  wire.leave_bytes("ok");
  wire.turn();
  CHECK(wire.all_closed());
}

TEST_CASE("an answer that was read in time leaves no deadline to the request behind it") {
  HttpSettings http;
  http.send_timeout = Milliseconds(200);
  auto handler = std::make_unique<LargeThenSlowHandler>();
  LargeThenSlowHandler& slow = *handler;
  Wire wire(http, std::move(handler));
  wire.leave_bytes(kGet + "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(wire.what_comes().ends_with('x'));
  REQUIRE(slow.waiting);
  const auto enough = std::chrono::steady_clock::now() + 3 * http.send_timeout;
  while (std::chrono::steady_clock::now() < enough) {
    wire.turn();
    ::poll(nullptr, 0, 1);
  }
  slow.waiting.resume();
  CHECK(wire.what_comes().ends_with("slow"));
  CHECK_FALSE(wire.ended());
}

TEST_CASE("a body that broke stays broken, and nobody waits for more of it") {
  auto handler = std::make_unique<StubbornHandler>();
  const StubbornHandler& stubborn = *handler;
  Wire wire({}, std::move(handler));
  wire.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  wire.send("0\r\nA: b\r\n folded");  // ends inside the value: no byte is left over
  CHECK(stubborn.refused == 2);
  CHECK(wire.received().starts_with("HTTP/1.1 400"));
}

TEST_CASE("a new request begins without the framing of the one before") {
  Loop loop;
  Arena arena;
  struct NoBody final : RequestBody {
    bool empty() const override { return true; }
    std::optional<std::uint64_t> length() const override { return 0; }
    Task<Result<std::string_view>> read() override { co_return std::string_view(); }
  } body;
  const HttpSettings limits;
  H1Parser parser;
  Request first(loop, arena, body);
  parser.begin(first, limits);
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
  std::size_t consumed = 0;
  REQUIRE(parser.parse_head(head.data(), head.size(), consumed) == H1Parser::Step::complete);
  CHECK(parser.framing().has_body());
  Request second(loop, arena, body);
  parser.begin(second, limits);
  CHECK(!parser.framing().has_body());
}

TEST_CASE("a stop answers a request that has arrived and was not yet read") {
  Wire wire;
  wire.leave_bytes(kGet);
  wire.door().stop([] {});
  CHECK(wire.what_comes() == echoed("GET / []", true));
  CHECK(wire.all_closed());
}

TEST_CASE("a stop gives a connection that was just accepted a moment for its request") {
  Wire wire;
  wire.door().stop([] {});
  wire.send(kGet);
  CHECK(wire.what_comes() == echoed("GET / []", true));
  CHECK(wire.all_closed());
}
