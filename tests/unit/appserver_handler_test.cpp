// AppHandler: from a request to a worker's message, and from its answer to a Response.
#include <doctest/doctest.h>

#include "support/captured_log.h"
#include "support/fake_app.h"

using namespace edge;
using namespace edge::test;

TEST_CASE("a request becomes one message, its answer a response") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  FakeExchange exchange(app, "GET", "/a/b?c=d", {{"X-Test", "yes"}});
  exchange.begin();
  const ReadMessage message = app.next_request(thread);
  CHECK(message.header.sequence != 0);
  CHECK(message.header.loop == 0);
  CHECK(message.header.body_size == 0);
  CHECK(message.variables.at("REQUEST_METHOD") == "GET");
  CHECK(message.variables.at("PATH_INFO") == "/a/b");
  CHECK(message.variables.at("HTTP_X_TEST") == "yes");
  CHECK_FALSE(message.variables.contains("CONTENT_LENGTH"));
  thread.answer(message.header.sequence, 201,
                {{"Content-Type", "text/plain"},
                 {"Set-Cookie", "a=1"},
                 {"Set-Cookie", "b=2"},
                 {"Connection", "close"},
                 {"Transfer-Encoding", "chunked"},
                 {"Date", "now"},
                 {"Server", "other"},
                 {"Content-Length", "5"}},
                "hello");
  const Response& response = exchange.response();
  CHECK(response.status == 201);
  CHECK(response.reason == "OK");
  REQUIRE(response.headers.size() == 4);
  CHECK(response.headers.get(HeaderName::content_type) == "text/plain");
  CHECK(response.headers[1].value == "a=1");
  CHECK(response.headers[2].value == "b=2");
  CHECK(response.headers.get(HeaderName::content_length) == "5");
  REQUIRE(std::holds_alternative<std::string_view>(response.body));
  CHECK(std::get<std::string_view>(response.body) == "hello");
  CHECK(exchange.fake.request.upstream.address == "fake");
  CHECK(exchange.fake.request.upstream.status == 201);
}

TEST_CASE("an empty body that was announced has a length") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  FakeExchange exchange(app, "POST", "/", {{"Content-Length", "0"}});
  exchange.begin();
  CHECK(app.next_request(thread).variables.at("CONTENT_LENGTH") == "0");
}

TEST_CASE("a mount is the SCRIPT_NAME") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  AppHandler mounted(app.lane, "/shop");
  FakeRequest fake(app.loop, "GET", "/shop/cart");
  Task<Response> task = mounted.handle(fake.request);
  const ReadMessage message = app.next_request(thread);
  CHECK(message.variables.at("SCRIPT_NAME") == "/shop");
  CHECK(message.variables.at("PATH_INFO") == "/cart");
  thread.answer(message.header.sequence, 200, {}, "");
  CHECK(run(app.loop, std::move(task)).status == 200);
}

TEST_CASE("an answer is understood at every split") {
  const std::string head = head_bytes({{"X-A", "b"}});
  std::string rest;
  for (const std::string_view piece : {"some ", "more "}) rest += frame_bytes({.sequence = 1}, piece);
  rest += frame_bytes({.sequence = 1, .flags = wire::kLast}, "end");
  const std::string bytes =
      frame_bytes(
          {.sequence = 1, .head_size = static_cast<std::uint32_t>(head.size()), .status = 200, .flags = wire::kHead},
          head + "first ") +
      rest;
  for (std::size_t split = 1; split < bytes.size(); ++split) {
    CAPTURE(split);
    FakeApp app;
    FakeThread& thread = app.add_worker().threads[0];
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    REQUIRE(app.next_request(thread).header.sequence == 1);
    thread.send(std::string_view(bytes).substr(0, split));
    app.turn();
    thread.send(std::string_view(bytes).substr(split));
    CHECK(exchange.body() == "first some more end");
    CHECK(exchange.response().headers.find("X-A")->value == "b");
  }
}

TEST_CASE("a streamed answer comes as it is made") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  FakeExchange exchange(app, "GET", "/");
  exchange.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  thread.answer(sequence, 200, {}, "one", 0);
  REQUIRE(exchange.source());
  CHECK_FALSE(exchange.source()->length());
  Result<BodySource::Chunk> chunk = exchange.pull();
  REQUIRE(chunk);
  CHECK(chunk->bytes == "one");
  CHECK_FALSE(chunk->last);
  thread.frame(sequence, "two");
  chunk = exchange.pull();
  REQUIRE(chunk);
  CHECK(chunk->bytes == "two");
  thread.frame(sequence, "", wire::kLast);
  chunk = exchange.pull();
  REQUIRE(chunk);
  CHECK(chunk->bytes.empty());
  CHECK(chunk->last);
}

TEST_CASE("many answers pass on one channel, small and large") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  for (int i = 0; i < 50; ++i) {
    const std::string body(static_cast<std::size_t>(i) * 2111, static_cast<char>('a' + i % 26));
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    thread.answer(app.next_request(thread).header.sequence, 200, {}, body);
    CHECK(exchange.body() == body);
  }
}

TEST_CASE("a slow client holds memory up to a limit, then the worker; nothing is lost") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  FakeExchange exchange(app, "GET", "/");
  exchange.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  thread.answer(sequence, 200, {}, "", 0);
  exchange.response();
  std::string bytes, body;
  for (int i = 0; i < 400; ++i) {  // small and large pieces, 6 MiB together
    const std::string piece(i % 3 == 0 ? 100 : 23'000, static_cast<char>('a' + i % 26));
    bytes += frame_bytes({.sequence = sequence}, piece);
    body += piece;
  }
  bytes += frame_bytes({.sequence = sequence, .flags = wire::kLast}, "");
  std::size_t sent = 0;
  std::size_t idle_turns = 0;
  while (idle_turns < 10) {
    const std::size_t now = thread.send_some(std::string_view(bytes).substr(sent));
    sent += now;
    idle_turns = now == 0 ? idle_turns + 1 : 0;
    app.turn();
  }
  CHECK(sent > kAnswerBuffer);
  CHECK(sent < kAnswerBuffer + (1 << 20));  // what the kernel holds on the way included
  std::string got;
  while (true) {
    sent += thread.send_some(std::string_view(bytes).substr(sent));
    const Result<BodySource::Chunk> chunk = exchange.pull();
    REQUIRE(chunk);
    got += chunk->bytes;
    if (chunk->last) break;
  }
  CHECK(got == body);
}

TEST_CASE("an answer whose end comes with what was too much of it leaves the thread heard") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  FakeExchange exchange(app, "GET", "/much");
  exchange.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  thread.answer(sequence, 200, {}, "", 0);
  exchange.response();
  constexpr std::size_t kPiece = 16 * 1024;
  for (std::size_t sent = 0; sent < kAnswerBuffer; sent += kPiece) {  // so much is not yet too much
    thread.frame(sequence, std::string(kPiece, 'a'));
    app.turn();
  }
  thread.send(frame_bytes({.sequence = sequence}, "b") + frame_bytes({.sequence = sequence, .flags = wire::kLast}, ""));
  app.turn();
  FakeExchange next(app, "GET", "/next");
  next.begin();
  SUBCASE("while the client has yet to take it") {}
  SUBCASE("when the client has taken it") {
    CHECK(exchange.body()->size() == kAnswerBuffer + 1);
  }
  SUBCASE("when the client has left") {
    exchange.response().body = std::monostate();
  }
  thread.answer(app.next_request(thread).header.sequence, 200, {}, "next");
  CHECK(next.body() == "next");
}

TEST_CASE("a HEAD, a 204 and a 304 have no body, and keep the length that the app announced") {
  for (const auto& [method, status] : {std::pair("HEAD", 200), std::pair("GET", 204), std::pair("GET", 304)}) {
    FakeApp app;
    FakeThread& thread = app.add_worker().threads[0];
    FakeExchange exchange(app, method, "/");
    exchange.begin();
    const std::uint64_t sequence = app.next_request(thread).header.sequence;
    thread.answer(sequence, static_cast<std::uint16_t>(status), {{"Content-Length", "1000"}}, "surplus");
    CHECK(exchange.status() == status);
    CHECK(std::holds_alternative<std::monostate>(exchange.response().body));
    CHECK(exchange.response().headers.get(HeaderName::content_length) == "1000");
  }
}

TEST_CASE("a body that does not fit its Content-Length") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  SUBCASE("short, and known at once: 502") {
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    thread.answer(app.next_request(thread).header.sequence, 200, {{"Content-Length", "9"}}, "short");
    CHECK(exchange.status() == 502);
  }
  SUBCASE("short, while it is streamed: torn") {
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    const std::uint64_t sequence = app.next_request(thread).header.sequence;
    thread.answer(sequence, 200, {{"Content-Length", "9"}}, "sho", 0);
    REQUIRE(exchange.source());
    CHECK(exchange.source()->length() == 9);
    thread.frame(sequence, "rt", wire::kLast);
    CHECK_FALSE(exchange.body());
    CHECK(exchange.error->kind == ErrorKind::bad_gateway);
  }
  SUBCASE("longer: cut, and the worker is left to finish") {
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    const std::uint64_t sequence = app.next_request(thread).header.sequence;
    thread.answer(sequence, 200, {{"Content-Length", "4"}}, "long", 0);
    CHECK(exchange.body() == "long");
    exchange.response().body = std::monostate();
    thread.frame(sequence, "er", wire::kLast);
    app.warm(thread);
  }
  SUBCASE("longer, and known at once") {
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    thread.answer(app.next_request(thread).header.sequence, 200, {{"Content-Length", "4"}}, "longer");
    CHECK(exchange.body() == "long");
  }
}

TEST_CASE("what an app must not put into a head is a 502") {
  const std::vector<Fields> wrong = {
      {{"Bad Name", "x"}},
      {{"", "x"}},
      {{"X", "a\r\nSet-Cookie: b"}},
      {{"X", "a\nb"}},
      {{"X:", "b"}},
      {{"X", std::string("a\0b", 3)}},
      {{"Content-Length", ""}},
      {{"Content-Length", "-1"}},
      {{"Content-Length", "1"}, {"Content-Length", "2"}},
      {{"Content-Length", "99999999999999999999"}},
  };
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  const CapturedLog log;
  for (const Fields& fields : wrong) {
    CAPTURE(fields.front().first);
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    thread.answer(app.next_request(thread).header.sequence, 200, fields, "x");
    CHECK(exchange.status() == 502);
  }
  FakeExchange upgrade(app, "GET", "/");
  upgrade.begin();
  thread.answer(app.next_request(thread).header.sequence, 101, {}, "");
  CHECK(upgrade.status() == 502);
  FakeExchange cut(app, "GET", "/");
  cut.begin();
  const std::string broken("\0\0\x02\0OK\x05\0Na", 10);
  thread.send(frame_bytes({.sequence = app.next_request(thread).header.sequence,
                           .head_size = static_cast<std::uint32_t>(broken.size()),
                           .status = 200,
                           .flags = wire::kHead | wire::kLast},
                          broken));
  CHECK(cut.status() == 502);
}

TEST_CASE("an app that failed is a 500 while that can still be said, else a torn answer") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  SUBCASE("before its head") {
    FakeExchange exchange(app, "POST", "/");
    exchange.begin();
    thread.frame(app.next_request(thread).header.sequence, "", wire::kLast | wire::kFailed);
    CHECK(exchange.status() == 500);
  }
  SUBCASE("together with its head") {
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    thread.answer(app.next_request(thread).header.sequence, 200, {}, "some", wire::kLast | wire::kFailed);
    CHECK(exchange.status() == 500);
  }
  SUBCASE("afterwards") {
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    const std::uint64_t sequence = app.next_request(thread).header.sequence;
    thread.answer(sequence, 200, {}, "some", 0);
    CHECK(exchange.status() == 200);
    thread.frame(sequence, "", wire::kLast | wire::kFailed);
    CHECK_FALSE(exchange.body());
    CHECK(exchange.error->kind == ErrorKind::internal);
  }
  app.warm(thread);
}

TEST_CASE("variables that exceed a packet are a 431, without a worker") {
  FakeApp app;
  FakeExchange exchange(app, "GET", "/");
  const std::string large(40'000, 'x');
  exchange.fake.add_header("X-One", large);
  exchange.fake.add_header("X-Two", large);
  exchange.begin();
  CHECK(exchange.status() == 431);
}

TEST_CASE("bodies cross in the message, or as a file when they are large") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  for (const std::size_t size :
       {std::size_t{1}, wire::kMaxInlineBody, wire::kMaxInlineBody + 1, std::size_t{700'000}}) {
    for (const bool chunked : {false, true}) {
      CAPTURE(size);
      std::string whole(size, '\0');
      for (std::size_t i = 0; i < size; ++i) whole[i] = static_cast<char>(i * 7 % 251);
      FakeExchange exchange(app, "POST", "/");
      exchange.fake.body.chunked = chunked;
      for (std::size_t at = 0; at < size; at += 9'973) exchange.fake.body.pieces.push_back(whole.substr(at, 9'973));
      exchange.begin();
      const ReadMessage message = app.next_request(thread);
      CHECK(message.header.body_size == size);
      CHECK(message.variables.at("CONTENT_LENGTH") == std::to_string(size));
      CHECK(message.in_file == (size > wire::kMaxInlineBody));
      CHECK((message.body == whole));
      CHECK(std::filesystem::is_empty(app.spool.path()));
      thread.answer(message.header.sequence, 200, {}, "");
      CHECK(exchange.status() == 200);
    }
  }
}

TEST_CASE("a body that cannot be read or kept never reaches a worker") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  FakeExchange exchange(app, "POST", "/");
  exchange.fake.body.pieces = {"begun"};
  SUBCASE("the client sends nonsense") {
    exchange.fake.body.broken = Error{ErrorKind::malformed, Side::client, false, "a bad chunk"};
    CHECK(exchange.begin().status() == 400);
  }
  SUBCASE("the client is too slow") {
    exchange.fake.body.broken = Error{ErrorKind::timed_out, Side::client, false, ""};
    CHECK(exchange.begin().status() == 408);
  }
  SUBCASE("there is no folder for it") {
    exchange.fake.body.pieces = {std::string(300'000, 'x')};
    std::filesystem::remove_all(app.spool.path());
    CHECK(exchange.begin().status() == 500);
  }
  CHECK_FALSE(thread.read());
}
