// HTTP/2 over a socketpair: what is its own beside the exchanges that every front door must manage (exchange_test.cpp).
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/door_handlers.h"
#include "unit/h2_wire.h"

using namespace edge;
using namespace edge::h2_test;
using namespace edge::test;

TEST_CASE("h2: requests of one connection are answered, with the door's own fields in lower case") {
  H2Wire h2;
  const H2Answer answer = h2.ask("GET", "/a?b=c");
  CHECK(answer.status() == 200);
  CHECK(answer.content == "GET /a []");
  CHECK(answer.closed_with == 0);
  CHECK(answer.fields.at("server") == "edge");
  CHECK(answer.fields.at("date").size() == 29);
  CHECK(answer.fields.at("content-type") == "text/plain");
  CHECK(answer.fields.at("content-length") == "9");
  CHECK(h2.ask("POST", "/b", {}, "hello").content == "POST /b [hello]");
  CHECK(h2.ask("PUT", "/c", {{"content-length", "3"}}, "abc").content == "PUT /c [abc]");
}

TEST_CASE("h2: many requests in one read are answered, each on its own stream") {
  H2Wire h2;
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(h2.request("POST", "/" + std::to_string(i), {}, std::to_string(i)));
  h2.run();
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    CHECK(h2.answers[ids[static_cast<std::size_t>(i)]].content == "POST /" + number + " [" + number + "]");
  }
}

TEST_CASE("h2: bytes may be split anywhere") {
  H2Wire h2;
  h2.run();
  const std::int32_t first = h2.request("POST", "/b", {{"a", "b"}}, "hello");
  const std::int32_t second = h2.request("GET", "/d", {{"a", "b"}});
  for (const char byte : h2.bytes()) h2.wire.send({&byte, 1});
  h2.feed(h2.wire.take_bytes());
  CHECK(h2.answers[first].content == "POST /b [hello]");
  CHECK(h2.answers[second].content == "GET /d []");
}

TEST_CASE("h2: OPTIONS * asks for the server as a whole") {
  H2Wire h2;
  const H2Answer answer = h2.ask("OPTIONS", "*");
  CHECK(answer.status() == 204);
  CHECK(answer.fields.count("content-length") == 0);
}

TEST_CASE("h2: a client that expects 100 Continue is asked for its body only when a handler reads it") {
  H2Wire h2;
  const std::int32_t id = h2.request("POST", "/", {{"expect", "100-continue"}}, "", false);
  h2.run();
  CHECK(h2.answers[id].statuses == std::vector{100});
  h2.more(id, "ok", true);
  h2.run();
  CHECK(h2.answers[id].statuses == std::vector{100, 200});
  CHECK(h2.answers[id].content == "POST / [ok]");
}

TEST_CASE("h2: trailers end a body and nothing acts upon them") {
  H2Wire h2;
  const std::int32_t id = h2.request("POST", "/", {}, "abc", false);
  h2.run();
  char name[] = "t";
  char value[] = "1";
  const nghttp2_nv trailer{reinterpret_cast<std::uint8_t*>(name), reinterpret_cast<std::uint8_t*>(value), 1, 1, 0};
  nghttp2_submit_trailer(h2.session(), id, &trailer, 1);
  h2.run();
  CHECK(h2.answers[id].content == "POST / [abc]");
}

TEST_CASE("h2: large answers on many streams arrive whole") {
  auto handler = std::make_unique<BytesHandler>(500'000);
  const std::string expected = handler->bytes;
  H2Wire h2({}, std::move(handler));
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(h2.request("GET", "/"));
  h2.run();
  for (const std::int32_t id : ids) CHECK(h2.answers[id].content == expected);
}

TEST_CASE("h2: a client that leaves cancels its requests, and nothing of them stays") {
  auto handler = std::make_unique<PatientHandler>();
  const PatientHandler& patient = *handler;
  H2Wire h2({}, std::move(handler));
  h2.request("GET", "/1");
  h2.request("GET", "/2");
  h2.run();
  CHECK(patient.cancelled == 0);
  h2.wire.leave();
  while (h2.wire.door().connections() > 0) h2.wire.turn();
  CHECK(patient.cancelled == 2);
}

TEST_CASE("h2: a stream that is reset cancels its request only") {
  auto handler = std::make_unique<PatientHandler>();
  const PatientHandler& patient = *handler;
  H2Wire h2({}, std::move(handler));
  const std::int32_t first = h2.request("GET", "/1");
  h2.request("GET", "/2");
  h2.run();
  h2.reset(first);
  h2.run();
  CHECK(patient.cancelled == 1);
  CHECK(h2.goaways.empty());
}

TEST_CASE("h2: the crumbs of a cookie are one field, and :authority is the host") {
  struct Teller final : Handler {
    Task<Response> handle(Request& request) override {
      Response response(request.arena);
      std::string text(request.host);
      for (const HeaderField& field : request.headers) {
        text += "\n" + std::string(field.name) + ": " + std::string(field.value);
      }
      response.body = request.arena.copy(text);
      co_return response;
    }
  };
  H2Wire h2({}, std::make_unique<Teller>());
  const H2Answer answer =
      h2.ask("GET", "/",
             {{":authority", "Example.com:80"}, {"cookie", "a=1"}, {"x-b", "c"}, {"cookie", ""}, {"cookie", "d=2"}});
  CHECK(answer.content == "example.com\nx-b: c\nCookie: a=1; ; d=2\nHost: Example.com:80");
}

TEST_CASE("h2: fields of an answer that are large arrive, and what no header block can hold is broken off") {
  struct LongFields final : Handler {
    Task<Response> handle(Request& request) override {
      Response response(request.arena);
      const int fields = request.path == "/large" ? 5 : 15;
      for (int i = 0; i < fields; ++i) response.headers.add("X-Long", request.arena.copy(std::string(20'000, '~')));
      response.headers.add("Upgrade", "h2c");
      response.headers.add("Connection", "upgrade");
      response.body = std::string_view("content");
      co_return response;
    }
  };
  H2Wire h2({}, std::make_unique<LongFields>());
  const H2Answer large = h2.ask("GET", "/large");
  CHECK(large.fields.at("x-long") == std::string(20'000, '~'));
  CHECK(large.fields.count("upgrade") + large.fields.count("connection") == 0);
  CHECK(large.content == "content");
  CHECK(h2.ask("GET", "/larger").closed_with == NGHTTP2_INTERNAL_ERROR);
  CHECK(h2.ask("GET", "/large").content == "content");
}
