// What every front door promises of one exchange, tried over each of them, and over TLS.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "support/door_handlers.h"
#include "unit/exchange_clients.h"

using namespace edge;
using namespace edge::exchange_test;
using namespace edge::test;

#define EVERY_DOOR Http1, Http2, Uwsgi, Http1OverTls, Http2OverTls
TYPE_TO_STRING_AS("HTTP/1", Http1);
TYPE_TO_STRING_AS("HTTP/2", Http2);
TYPE_TO_STRING_AS("uwsgi", Uwsgi);
TYPE_TO_STRING_AS("HTTP/1 over TLS", Http1OverTls);
TYPE_TO_STRING_AS("HTTP/2 over TLS", Http2OverTls);

namespace {

/// Answers with the status that the path names, a field, and content.
struct StatusHandler final : Handler {
  Task<Response> handle(Request& request) override {
    Response response(request.arena, std::atoi(std::string(request.path.substr(1)).c_str()));
    response.headers.add("X-Colour", "blue");
    response.body = std::string_view("content");
    co_return response;
  }
};

/// An error before the head, or after a part of the content.
struct BrokenHandler final : Handler {
  struct Source final : BodySource {
    Task<Result<Chunk>> pull() override {
      if (std::exchange(begun, true)) co_return fail(ErrorKind::bad_gateway, Side::app, "it broke off");
      co_return Chunk{"a part", false};
    }
    bool begun = false;
  };
  Task<Response> handle(Request& request) override {
    if (request.path == "/before") {
      co_return Response::of_error(request.arena, {ErrorKind::bad_gateway, Side::app, false, "it never began"});
    }
    Response response(request.arena);
    response.body = std::make_unique<Source>();
    co_return response;
  }
};

/// Content that comes when it is told to, of a source that says so.
struct LateHandler final : Handler {
  struct Told {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) { late.waiting = handle; }
    void await_resume() const noexcept { late.waiting = nullptr; }
    LateHandler& late;
  };
  struct Source final : BodySource {
    Source(LateHandler& handler, std::string_view what) : late(handler), path(what) {}
    bool waits() const override { return true; }
    Task<Result<Chunk>> pull() override {
      if (path == "/fails") co_return fail(ErrorKind::bad_gateway, Side::upstream, "it failed at once");
      if (path == "/here") co_return Chunk{"content", true};
      Told told{late};
      co_await told;
      if (path == "/breaks") co_return fail(ErrorKind::timed_out, Side::upstream, "nothing came");
      co_return Chunk{"content", true};
    }
    LateHandler& late;
    std::string path;
  };
  Task<Response> handle(Request& request) override {
    Response response(request.arena);
    response.headers.add("X-Colour", "blue");
    response.body = std::make_unique<Source>(*this, request.path);
    co_return response;
  }
  std::coroutine_handle<> waiting;
};

}  // namespace

TEST_CASE_TEMPLATE("exchange: the head does not wait for content that takes its time", Client, EVERY_DOOR) {
  for (const char* target : {"/late", "/breaks"}) {
    CAPTURE(target);
    auto handler = std::make_unique<LateHandler>();
    LateHandler& late = *handler;
    Client client({}, std::move(handler));
    client.ask("GET", target);
    const Answer begun = client.answer();
    CHECK(begun.status == 200);
    CHECK(begun.fields.at("x-colour") == "blue");
    CHECK(begun.content == "");
    CHECK(!begun.whole);
    REQUIRE(late.waiting);
    late.waiting.resume();
    client.wire.turn();
    const Answer ended = client.answer();
    CHECK(ended.status == 200);
    CHECK(ended.content == (std::string_view(target) == "/late" ? "content" : ""));
    CHECK(ended.whole == (std::string_view(target) == "/late"));
  }
}

TEST_CASE_TEMPLATE(
    "exchange: content that is here leaves with its head, which knows its length, and errors come before it", Client,
    EVERY_DOOR) {
  Client client({}, std::make_unique<LateHandler>());
  client.ask("GET", "/here");
  const Answer answer = client.answer();
  CHECK(answer.content == "content");
  CHECK(answer.fields.at("content-length") == "7");
  Client other({}, std::make_unique<LateHandler>());
  other.ask("GET", "/fails");
  CHECK(other.answer().status == 502);
}

TEST_CASE_TEMPLATE("exchange: a request with a body and one without reach their handler, however they are split",
                   Client, EVERY_DOOR) {
  for (const bool byte_by_byte : {false, true}) {
    Client client;
    client.byte_by_byte = byte_by_byte;
    client.ask("GET", "/a?b=c");
    const Answer got = client.answer();
    CHECK(got.status == 200);
    CHECK(got.content == "GET /a []");
    CHECK(got.whole);
    CHECK(got.fields.at("content-type") == "text/plain");
    CHECK(got.fields.at("content-length") == "9");
    Client poster;
    poster.byte_by_byte = byte_by_byte;
    poster.ask("POST", "/b", "hello");
    CHECK(poster.answer().content == "POST /b [hello]");
  }
}

TEST_CASE_TEMPLATE("exchange: a body that is larger than any buffer", Client, EVERY_DOOR) {
  Client client;
  client.begin("PUT", "/", "", 300'000);
  for (int part = 0; part < 30; ++part) {
    client.more(std::string(10'000, 'b'));
    client.answer();
  }
  CHECK(client.answer().content == "PUT / [" + std::string(300'000, 'b') + "]");
}

TEST_CASE_TEMPLATE("exchange: HEAD has the head of GET and no content", Client, EVERY_DOOR) {
  Client client;
  client.ask("HEAD", "/");
  const Answer answer = client.answer();
  CHECK(answer.status == 200);
  CHECK(answer.fields.at("content-length") == "9");
  CHECK(answer.content == "");
  CHECK(answer.whole);
}

TEST_CASE_TEMPLATE("exchange: the status and the fields are the handler's, and 204 and 304 have no content", Client,
                   EVERY_DOOR) {
  for (const int status : {200, 204, 304, 404, 500}) {
    CAPTURE(status);
    Client client({}, std::make_unique<StatusHandler>());
    client.ask("GET", "/" + std::to_string(status));
    const Answer answer = client.answer();
    CHECK(answer.status == status);
    CHECK(answer.fields.at("x-colour") == "blue");
    CHECK(answer.content == (status == 204 || status == 304 ? "" : "content"));
    CHECK(answer.fields.contains("content-length") == (status != 204));
    CHECK(answer.whole);
  }
}

TEST_CASE_TEMPLATE("exchange: content of unknown length arrives whole", Client, EVERY_DOOR) {
  Client client({}, std::make_unique<StreamHandler>(1'000'000));
  client.ask("GET", "/");
  const Answer answer = client.answer();
  CHECK(answer.content == std::string(1'000'000, 'x'));
  CHECK(!answer.fields.contains("content-length"));
  CHECK(answer.whole);
}

TEST_CASE_TEMPLATE("exchange: large content arrives whole", Client, EVERY_DOOR) {
  for (const std::size_t size : {20'000UL, 70'000UL, 500'000UL}) {
    auto handler = std::make_unique<BytesHandler>(size);
    const std::string expected = handler->bytes;
    Client client({}, std::move(handler));
    client.ask("GET", "/");
    const Answer answer = client.answer();
    CHECK(answer.content == expected);
    CHECK(answer.whole);
  }
}

TEST_CASE_TEMPLATE("exchange: an error before the head is answered, one behind it shows as a break", Client,
                   EVERY_DOOR) {
  Client before({}, std::make_unique<BrokenHandler>());
  before.ask("GET", "/before");
  const Answer error = before.answer();
  CHECK(error.status == 502);
  CHECK(error.whole);
  Client after({}, std::make_unique<BrokenHandler>());
  after.ask("GET", "/after");
  const Answer part = after.answer();
  CHECK(part.status == 200);
  CHECK(!part.whole);
}

TEST_CASE_TEMPLATE("exchange: limits of the target and the body", Client, EVERY_DOOR) {
  HttpSettings http;
  http.max_uri = 100;
  http.client_max_body_size = 10;
  const auto status = [&http](std::string_view method, const std::string& target,
                              const std::optional<std::string>& body) {
    Client client(http);
    client.ask(method, target, body);
    return client.answer().status;
  };
  CHECK(status("GET", "/" + std::string(99, 'a'), std::nullopt) == 200);
  CHECK(status("GET", "/" + std::string(100, 'a'), std::nullopt) == 414);
  CHECK(status("POST", "/", "0123456789") == 200);
  CHECK(status("POST", "/", "01234567890") == 413);
}

TEST_CASE_TEMPLATE("exchange: a path that leaves its root is refused", Client, EVERY_DOOR) {
  for (const char* target : {"/../x", "/a/../../x", "/%00"}) {
    CAPTURE(target);
    Client client;
    client.ask("GET", target);
    CHECK(client.answer().status == 400);
  }
}

TEST_CASE_TEMPLATE("exchange: a body that does not come is answered with 408", Client, EVERY_DOOR) {
  HttpSettings http;
  http.body_timeout = Milliseconds(20);
  Client client(http);
  client.begin("POST", "/", "hal", 9);
  CHECK(client.patient_answer().status == 408);
}

TEST_CASE_TEMPLATE("exchange: a client that does not read is cut after send_timeout", Client, EVERY_DOOR) {
  HttpSettings http;
  http.send_timeout = Milliseconds(20);
  Client client(http, std::make_unique<StreamHandler>(50'000'000));
  client.ask("GET", "/");
  CHECK(client.wire.all_closed());
  CHECK(!client.answer().whole);
}

TEST_CASE_TEMPLATE("exchange: a client that leaves cancels its request, and nothing of it stays", Client, EVERY_DOOR) {
  auto handler = std::make_unique<PatientHandler>();
  const PatientHandler& patient = *handler;
  Client client({}, std::move(handler));
  client.ask("GET", "/");
  client.answer();
  CHECK(patient.cancelled == 0);
  client.wire.leave();
  CHECK(client.wire.all_closed());
  CHECK(patient.cancelled == 1);
}

TEST_CASE_TEMPLATE("exchange: a client that leaves within its body", Client, EVERY_DOOR) {
  Client client;
  client.begin("POST", "/", "hal", 9);
  client.wire.leave();
  CHECK(client.wire.all_closed());
}

TEST_CASE_TEMPLATE("exchange: a stop lets what is under way end, and closes what is idle", Client, EVERY_DOOR) {
  Client client;
  client.begin("POST", "/", "h", 2);
  bool done = false;
  client.wire.door().stop([&done] { done = true; });
  client.wire.turn();
  CHECK(!done);
  client.more("i");
  const Answer answer = client.patient_answer();
  CHECK(answer.content == "POST / [hi]");
  CHECK(answer.whole);
  client.wire.leave();
  CHECK(client.wire.all_closed());
  CHECK(done);
  Client idle;
  idle.wire.door().stop([] {});
  CHECK(idle.answer().status == 0);
  idle.wire.leave();
  CHECK(idle.wire.all_closed());
}
