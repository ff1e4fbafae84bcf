// HTTP/1 over a socketpair: every answer at every split point, hostile heads, limits, deadlines, torn connections.
#include "core/http/door.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/door_handlers.h"
#include "unit/h1_wire.h"

using namespace edge;
using namespace edge::h1_test;
using namespace edge::test;

namespace {

std::string answer_to(const std::string& request, HttpSettings http = {}) {
  Wire wire(http);
  wire.send(request);
  return wire.received();
}

int status_of(const std::string& answer) {
  return answer.size() > 12 ? std::atoi(answer.c_str() + 9) : 0;
}

}  // namespace

TEST_CASE("pipelined requests are answered in order, whatever way their bytes are split") {
  const std::string requests =
      "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n"
      "GET /d HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string expected =
      echoed("GET /a []") + echoed("POST /b [hello]") + echoed("POST /c [abcde]") + echoed("GET /d []");
  CHECK(answer_to(requests) == expected);
  for (std::size_t split = 1; split < requests.size(); ++split) {
    Wire wire;
    wire.send(std::string_view(requests).substr(0, split));
    wire.send(std::string_view(requests).substr(split));
    CAPTURE(split);
    REQUIRE(wire.received() == expected);
  }
  Wire wire;
  for (const char byte : requests) wire.send({&byte, 1});
  CHECK(wire.received() == expected);
}

TEST_CASE("OPTIONS * asks for the server as a whole") {
  CHECK(status_of(answer_to("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")) == 204);
}

TEST_CASE("HTTP/1.0 closes unless it asks to keep alive, and needs no Host") {
  Wire plain;
  plain.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(plain.until_end() == echoed("GET / []", true));
  Wire kept;
  kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(kept.received().find("Connection: keep-alive\r\n") != std::string::npos);
  CHECK(!kept.ended());
}

TEST_CASE("Connection: close is honoured") {
  Wire wire;
  wire.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(wire.until_end() == echoed("GET / []", true));
}

TEST_CASE("a client that expects 100 Continue is asked for its body only when a handler reads it") {
  Wire wire;
  wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  CHECK(wire.received() == "HTTP/1.1 100 Continue\r\n\r\n");
  wire.send("ok");
  CHECK(wire.received() == "HTTP/1.1 100 Continue\r\n\r\n" + echoed("POST / [ok]"));
}

TEST_CASE("what breaks the protocol is refused, and the connection closes") {
  const std::string host = "Host: x\r\n";
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string post = "POST / HTTP/1.1\r\n" + host;
  struct Case {
    std::string request;
    int status;
  };
  const std::vector<Case> cases = {
      {post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
      {post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
      {post + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {post + "Content-Length: +3\r\n\r\nabc", 400},
      {post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {post + "Content-Length:\r\n\r\n", 400},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {post + "Transfer-Encoding: identity\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {get + "Host: x\n\r\n", 400},
      {"GET / HTTP/1.1\n" + host + "\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400},
      {get + host + "A : b\r\n\r\n", 400},
      {get + host + "A: b\r\n c\r\n\r\n", 400},
      {get + " " + host + "\r\n", 400},
      {get + host + std::string("A: b\0c\r\n\r\n", 10), 400},
      {get + host + ": b\r\n\r\n", 400},
      {get + host + host + "\r\n", 400},
      {get + "\r\n", 400},
      {get + "Host: a b\r\n\r\n", 400},
      {"GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /../x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
      {"get / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
      {"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
      {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"GET /\r\n\r\n", 505},
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
      {post + "Expect: magic\r\nContent-Length: 1\r\n\r\na", 417},
      {post + "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(20'000, 'e'), 400},
  };
  for (const Case& each : cases) {
    CAPTURE(each.request.substr(0, 200));
    Wire wire;
    wire.send(each.request);
    REQUIRE(status_of(wire.received()) == each.status);
    CHECK(wire.received().find("Connection: close\r\n") != std::string::npos);
    CHECK(wire.until_end().find("HTTP/1.1", 1) == std::string::npos);
  }
}

TEST_CASE("limits of the head and the body have their own statuses") {
  HttpSettings http;
  http.max_uri = 100;
  http.max_headers = 5;
  http.max_header_size = 1000;
  http.client_max_body_size = 10;
  const auto status = [&http](const std::string& request) { return status_of(answer_to(request, http)); };
  CHECK(status("GET /" + std::string(99, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n") == 200);
  CHECK(status("GET /" + std::string(100, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n") == 414);
  CHECK(status("GET /" + std::string(30'000, 'a')) == 414);
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\n1: a\r\n2: a\r\n3: a\r\n4: a\r\n\r\n") == 200);
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\n1: a\r\n2: a\r\n3: a\r\n4: a\r\n5: a\r\n\r\n") == 431);
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(1000, 'a') + "\r\n\r\n") == 431);
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(30'000, 'a')) == 431);
  CHECK(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789") == 200);
  CHECK(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n") == 413);
  CHECK(status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n") == 413);
}

TEST_CASE("a head that outgrows the first buffer is read whole") {
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(25'000, 'a') + "\r\n\r\n";
  Wire wire;
  for (std::size_t at = 0; at < request.size(); at += 5000) wire.send(std::string_view(request).substr(at, 5000));
  CHECK(wire.received() == echoed("GET / []"));
}

TEST_CASE("a slow sender is told, a silent one is not") {
  HttpSettings http;
  http.header_timeout = http.body_timeout = http.keepalive_timeout = Milliseconds(20);
  Wire head(http);
  head.send("GET / HT");
  CHECK(status_of(head.until_end()) == 408);
  Wire body(http);
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhal");
  CHECK(status_of(body.until_end()) == 408);
  Wire silent(http);
  CHECK(silent.until_end().empty());
}

TEST_CASE("a stream is chunked for HTTP/1.1, ends the connection for 1.0, and waits for a slow reader") {
  Wire chunked({}, std::make_unique<StreamHandler>(1'000'000));
  chunked.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = chunked.until_end();
  CHECK(answer.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  const auto content_begin = answer.begin() + static_cast<std::ptrdiff_t>(answer.find("\r\n\r\n"));
  CHECK(std::count(content_begin, answer.end(), 'x') == 1'000'000);
  CHECK(answer.ends_with("\r\n0\r\n\r\n"));
  Wire plain({}, std::make_unique<StreamHandler>(1'000'000));
  plain.send("GET / HTTP/1.0\r\n\r\n");
  const std::string content = plain.until_end();
  CHECK(content.find("chunked") == std::string::npos);
  CHECK(content.ends_with(std::string(1000, 'x')));
  CHECK(content.size() - content.find("\r\n\r\n") - 4 == 1'000'000);
}

TEST_CASE("large answers and what was queued before them arrive whole, however slowly the client reads") {
  for (const std::size_t size : {70'000UL, 500'000UL}) {
    auto handler = std::make_unique<BytesHandler>(size);
    const std::string answer =
        "HTTP/1.1 200 OK\r\nServer: edge\r\nContent-Length: " + std::to_string(handler->bytes.size()) + "\r\n\r\n" +
        handler->bytes;
    Wire wire({}, std::move(handler));
    wire.send(
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(wire.what_comes() == answer + answer.substr(0, answer.find("\r\n\r\n") + 4) + answer);
    wire.connect();
    wire.fill();
    wire.send("GET /4 HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string behind = wire.what_comes();
    CHECK(behind.substr(behind.find("HTTP/1.1")) == answer);
  }
}

TEST_CASE("draining closes what is idle and lets an answer end") {
  Wire wire;
  wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n");
  bool done = false;
  wire.door().stop([&done] { done = true; });
  wire.turn();
  CHECK(!done);
  wire.send("ok");
  CHECK(wire.until_end() == echoed("POST / [ok]", true));
  while (!done) wire.turn();
  Wire idle;
  idle.door().stop([] {});
  CHECK(idle.until_end().empty());
}

TEST_CASE("after keepalive_requests the connection is closed with the last answer") {
  HttpSettings http;
  http.keepalive_requests = 2;
  Wire wire(http);
  wire.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(wire.until_end() == echoed("GET /1 []") + echoed("GET /2 []", true));
}
