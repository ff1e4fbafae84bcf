// FastCgiCodec, the half that reads: answers at every split, what goes to the log, and hostile records.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "proxy/fastcgi_codec.h"
#include "support/captured_log.h"
#include "support/codec_story.h"
#include "support/fake_request.h"
#include "support/fastcgi_records.h"

using namespace edge;
using namespace edge::test;

namespace {

struct Exchange {
  explicit Exchange(std::string_view method = "GET", bool keep_alive = true, HeadLimits limits = {})
      : fake(loop, method, "/"), codec(limits, settings) {
    fake.request.upstream.address = "unix:/run/php.sock";
    begin(keep_alive);
  }
  void begin(bool keep_alive = true) {
    UpstreamRequest request(fake.request);
    request.method = fake.request.method_name;
    request.target = "/";
    request.keep_alive = keep_alive;
    std::string out;
    REQUIRE(codec.write_head(request, out));
  }
  Loop loop;
  FakeRequest fake;
  FastCgiSettings settings{.root = "/srv/php", .index = "index.php"};
  FastCgiCodec codec;
};

std::string told(std::string_view bytes, std::string_view method = "GET", bool closes = false) {
  std::string whole;
  for (std::size_t piece = bytes.size(); piece > 0; --piece) {
    Exchange exchange(method);
    const std::string now = story(exchange.codec, bytes, piece, closes);
    if (whole.empty()) whole = now;
    CAPTURE(piece);
    CAPTURE(bytes);
    CHECK(now == whole);
  }
  return whole;
}

}  // namespace

TEST_CASE("an answer of php is told the same at every split") {
  CHECK(told(output("X-Powered-By: PHP\r\nContent-type: text/html\r\n\r\nhello", 3) + output("", 8) + end_request()) ==
        "<200 >\nX-Powered-By: PHP\nContent-type: text/html\nhello\nagain");
  CHECK(told(output("Sta", 5) + output("tus: 404 Not Found\r\nA:1\n") + output("\n") + output("he") +
             output("llo", 255) + end_request(0, 7)) == "<404 Not Found>\nA: 1\nhello\nagain");
  CHECK(told(output("Content-Length: 5\r\n\r\nhello") + end_request()) == "<200 >\n(5)\nhello\nagain");
  CHECK(told(output("Location: /x\r\n\r\n") + end_request()) == "<302 >\nLocation: /x\n\nagain");
  CHECK(told(output("Status: 201\r\nLocation: /x\r\n\r\n") + end_request()) == "<201 >\nLocation: /x\n\nagain");
  CHECK(told(output("\r\nhello") + end_request()) == "<200 >\nhello\nagain");
  CHECK(told(output("A: 1\r\n\r\nhel")) == "<200 >\nA: 1\nhel\n...");
}

TEST_CASE("records of no request, and those that say nothing, change nothing") {
  CHECK(told(record(10, "values", 2, 0) + output("") + output("A: 1\r\n\r\n") + record(11, "whatever", 0, 0) +
             output("", 1) + output("ab") + end_request()) == "<200 >\nA: 1\nab\nagain");
}

TEST_CASE("content that an answer may not have, or beyond its length, is dropped") {
  CHECK(told(output("Content-Length: 3\r\n\r\nhello") + output("more") + end_request()) == "<200 >\n(3)\nhel\nagain");
  CHECK(told(output("Content-Length: 5\r\n\r\nhello") + end_request(), "HEAD") == "<200 >\n(5)\n\nagain");
  CHECK(told(output("Status: 304 Not Modified\r\n\r\nhello") + end_request()) == "<304 Not Modified>\n\nagain");
  CHECK(told(output("Status: 204 No Content\r\nContent-Length: 2\r\n\r\nab") + end_request()) ==
        "<204 No Content>\n\nagain");
}

TEST_CASE("fields of the connection go no further from php either") {
  CHECK(told(output("Connection: X-Own, close\r\nX-Own: 1\r\nKeep-Alive: a\r\nUpgrade: h2c\r\nA: 1\r\n\r\n") +
             end_request()) == "<200 >\nA: 1\n\nagain");
}

TEST_CASE("a connection serves again only when that was asked for, and nothing stands behind the answer") {
  const std::string answer = output("A: 1\r\n\r\nab") + end_request(0, 4);
  Exchange once("GET", false);
  CHECK(story(once.codec, answer, 100) == "<200 >\nA: 1\nab\nover");
  Exchange more;
  CHECK(story(more.codec, answer + output("evil"), 1000).ends_with("\nover"));
  CHECK_FALSE(more.codec.reusable());
  Exchange closed;
  CHECK(story(closed.codec, answer, 1) == "<200 >\nA: 1\nab\nagain");
  CHECK(closed.codec.ended() == UpstreamCodec::Step::complete);
  CHECK_FALSE(closed.codec.reusable());
}

TEST_CASE("an answer that breaks off has failed") {
  CHECK(told(output("A: 1\r\n\r\nab"), "GET", true) ==
        "failed: the server closed the connection before the end of its answer");
  CHECK(told(output("A: 1\r\n"), "GET", true) ==
        "failed: the server closed the connection before the head of its answer was whole");
  Exchange nothing;
  CHECK(story(nothing.codec, "", 1) == "failed: the server closed the connection without an answer");
  CHECK_FALSE(nothing.codec.begun());
  CHECK(nothing.codec.error().retryable);
  CHECK(told(output("A: 1\r\n\r\nab") + end_request(0, 9).substr(0, 20), "GET", true) == "<200 >\nA: 1\nab\nover");
}

TEST_CASE("what php says on its stream of errors goes to the log, escaped and bounded") {
  CapturedLog log;
  CHECK(told(record(7, "PHP message: a\x1b[31m\nb", 4) + output("A: 1\r\n\r\n") + record(7, "") + end_request()) ==
        "<200 >\nA: 1\n\nagain");
  CHECK(log.contains("warn [unix:/run/php.sock] request "));
  CHECK(log.contains(": PHP message: a\\x1B[31m"));

  Exchange exchange;
  story(exchange.codec,
        record(7, std::string(4000, 'x')) + record(7, std::string(4000, 'y')) + record(7, std::string(4000, 'z')),
        1000);
  CHECK(log.contains(std::string(4000, 'x')));
  CHECK(log.contains(": " + std::string(96, 'y') + " (the rest is left out)"));
  CHECK_FALSE(log.contains("yyz"));
  CHECK_FALSE(log.contains("zzz"));
}

TEST_CASE("a server that refuses a request says why, and the request may go elsewhere") {
  const std::vector<std::pair<std::uint8_t, std::string>> refusals = {{1, "it takes one request at a time"},
                                                                      {2, "it is overloaded"},
                                                                      {3, "it is no responder"},
                                                                      {99, "for a reason of its own"}};
  for (const auto& [status, why] : refusals) {
    Exchange exchange;
    CHECK(story(exchange.codec, end_request(status), 100) == "failed: the server answered with a refusal: " + why);
    CHECK(exchange.codec.error().retryable);
  }
  Exchange late;
  CHECK(story(late.codec, output("A: 1\r\n\r\n") + end_request(2), 100).starts_with("failed: "));
  CHECK_FALSE(late.codec.error().retryable);
}

TEST_CASE("the limits of a head hold for php too") {
  const std::string head = "A: 1\r\nB: 2\r\n\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{9}, std::size_t{1000}}) {
    CAPTURE(piece);
    Exchange fits("GET", true, {.bytes = static_cast<std::uint32_t>(head.size()), .fields = 2});
    CHECK(story(fits.codec, output(head + "x") + end_request(), piece) == "<200 >\nA: 1\nB: 2\nx\nagain");
    Exchange bytes("GET", true, {.bytes = static_cast<std::uint32_t>(head.size() - 1), .fields = 2});
    CHECK(story(bytes.codec, output(head + "x") + end_request(), piece) ==
          "failed: the server answered with a head larger than 13 bytes");
    Exchange fields("GET", true, {.bytes = 1000, .fields = 1});
    CHECK(story(fields.codec, output(head) + end_request(), piece) ==
          "failed: the server answered with more header fields than 1");
  }
}

TEST_CASE("records without end that bring no answer are not waited for") {
  CapturedLog log;
  Exchange exchange;
  const std::string noise = record(7, std::string(65'535, 'n'), 255);
  std::size_t consumed = 0;
  std::string_view content;
  UpstreamCodec::Step step = UpstreamCodec::Step::need_more;
  int records = 0;
  for (; step == UpstreamCodec::Step::need_more && records < 1000; ++records) {
    step = exchange.codec.read(noise.data(), noise.size(), consumed, content);
  }
  CHECK(step == UpstreamCodec::Step::failed);
  CHECK(records < 300);
  CHECK(exchange.codec.error().context == "the server answered with records without end that bring no answer");
}

TEST_CASE("hostile records and heads are refused at every split") {
  const auto raw = [](std::initializer_list<int> bytes) {
    std::string made;
    for (const int byte : bytes) made += static_cast<char>(byte);
    return made;
  };
  const std::string end = end_request();
  const std::vector<std::string> hostile = {
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      raw({0, 6, 0, 1, 0, 0, 0, 0}),
      raw({2, 6, 0, 1, 0, 0, 0, 0}),
      record(6, "A: 1\r\n\r\n", 0, 2),
      record(6, "A: 1\r\n\r\n", 0, 0),
      record(3, std::string(8, '\0'), 0, 256),
      record(10, "", 0, 1),
      record(1, std::string(8, '\0')),
      record(2, ""),
      record(4, "a"),
      record(5, "a"),
      record(8, "a"),
      record(0, "a"),
      record(255, "a"),
      record(3, "1234567"),
      record(3, "123456789"),
      record(3, ""),
      end,
      output("A: 1\r\n") + end,
      output("Content-Length: 5\r\n\r\nhell") + end,
      output("HTTP/1.1 200 OK\r\nA: 1\r\n\r\n") + end,
      output("A\r\n\r\n"),
      output(": 1\r\n\r\n"),
      output("A : 1\r\n\r\n"),
      output(" A: 1\r\n\r\n"),
      output("A: 1\r\n folded\r\n\r\n"),
      output("A: 1\rB: 2\r\n\r\n"),
      output("A: 1\r\r\n\r\n"),
      output(std::string("A: 1\0002\r\n\r\n", 10)),
      output("A: 1\x01\r\n\r\n"),
      output("Status:\r\n\r\n"),
      output("Status: 20\r\n\r\n"),
      output("Status: 2000\r\n\r\n"),
      output("Status: OK\r\n\r\n"),
      output("Status: -20\r\n\r\n"),
      output("Status: 100 Continue\r\n\r\n"),
      output("Status: 101 Switching\r\nUpgrade: websocket\r\n\r\n"),
      output("Status: 200 OK\r\nStatus: 200 OK\r\n\r\n"),
      output("Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
      output("Content-Length: 5, 5\r\n\r\n"),
      output("Content-Length: -5\r\n\r\n"),
      output("Content-Length: +5\r\n\r\n"),
      output("Content-Length:\r\n\r\n"),
      output("Content-Length: 99999999999999999999999\r\n\r\n"),
      output("Transfer-Encoding: chunked\r\n\r\n"),
  };
  for (const std::string& bytes : hostile) {
    CAPTURE(bytes);
    for (std::size_t piece = bytes.size(); piece > 0; --piece) {
      CAPTURE(piece);
      Exchange exchange;
      CHECK(story(exchange.codec, bytes, piece, false).starts_with("failed: the server answered with "));
      CHECK(exchange.codec.error().kind == ErrorKind::bad_gateway);
      CHECK(exchange.codec.error().side == Side::upstream);
      CHECK(exchange.codec.ended() == UpstreamCodec::Step::failed);
      CHECK_FALSE(exchange.codec.reusable());
    }
  }
}

TEST_CASE("a FastCGI codec serves one exchange after another, also behind one that failed") {
  Exchange exchange;
  CHECK(story(exchange.codec, output("Content-Length: 1\r\n\r\na") + end_request(), 3) == "<200 >\n(1)\na\nagain");
  exchange.begin();
  CHECK(story(exchange.codec, record(7, "unfinished").substr(0, 12), 3).starts_with("failed"));
  exchange.begin();
  CHECK_FALSE(exchange.codec.begun());
  CHECK(story(exchange.codec, output("A: 1\r\n\r\nb") + end_request(), 100) == "<200 >\nA: 1\nb\nagain");
}
