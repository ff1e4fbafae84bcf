// HttpCodec, the half that reads: answers at every split, and those that no server should send.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/http/h1_response_parser.h"
#include "proxy/http_codec.h"
#include "support/codec_story.h"
#include "support/fake_request.h"

using namespace edge;
using namespace edge::test;

namespace {

/// An exchange that was begun.
struct Exchange {
  explicit Exchange(std::string_view method = "GET", std::string_view upgrade = {}, HeadLimits limits = {})
      : fake(loop, method, "/"), codec(limits) {
    UpstreamRequest request(fake.request);
    request.method = fake.request.method_name;
    request.target = "/";
    request.host = "example.com";
    request.upgrade = upgrade;
    std::string out;
    REQUIRE(codec.write_head(request, out));
  }
  Loop loop;
  FakeRequest fake;
  HttpCodec codec;
};

std::string told(std::string_view bytes, std::string_view method = "GET", std::string_view upgrade = {},
                 bool closes = false) {
  std::string whole;
  for (std::size_t piece = bytes.size(); piece > 0; --piece) {
    Exchange exchange(method, upgrade);
    const std::string now = story(exchange.codec, bytes, piece, closes);
    if (whole.empty()) whole = now;
    CAPTURE(piece);
    CAPTURE(bytes);
    CHECK(now == whole);
  }
  return whole;
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";

}  // namespace

TEST_CASE("an answer of a known length is told the same at every split, and the connection serves again") {
  CHECK(told(kOk + "Content-Type: text/plain\r\nX-Empty:\r\nContent-Length: 5\r\n\r\nhello") ==
        "<200 OK>\n(5)\nContent-Type: text/plain\nX-Empty: \nhello\nagain");
  CHECK(told("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n") == "<404 >\n(0)\n\nagain");
  CHECK(told("HTTP/1.1 200 D\xe9j\xe0 vu\r\nContent-Length: 0\r\n\r\n") == "<200 D\xe9j\xe0 vu>\n(0)\n\nagain");
  CHECK(told(kOk + "Content-Length: 7\r\n\r\nhello") == "<200 OK>\n(7)\nhello\n...");
}

TEST_CASE("chunks and trailers are told the same at every split") {
  CHECK(told(kOk + "Transfer-Encoding: Chunked\r\n\r\n5;name=\"v\"\r\nhello\r\n01\r\n\r\r\n0\r\n\r\n") ==
        "<200 OK>\nhello\r\nagain");
  CHECK(told(kOk + "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum:  7 \r\nx-two:2\r\n"
                   "Content-Type: text/html\r\nSet-Cookie: a=b\r\n\r\n") == "<200 OK>\nab\nX-Sum: 7\nx-two: 2\nagain");
  CHECK(told(kOk + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel") == "<200 OK>\nhel\n...");
}

TEST_CASE("answers without content end with their head") {
  CHECK(told(kOk + "Content-Length: 5\r\n\r\n", "HEAD") == "<200 OK>\n(5)\n\nagain");
  CHECK(told(kOk + "Transfer-Encoding: chunked\r\n\r\n", "HEAD") == "<200 OK>\n\nagain");
  CHECK(told(kOk + "\r\n", "HEAD") == "<200 OK>\n\nagain");
  CHECK(told("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n") ==
        "<304 Not Modified>\n(5)\nETag: \"a\"\n\nagain");
  CHECK(told("HTTP/1.1 204 No Content\r\n\r\n") == "<204 No Content>\n\nagain");
  CHECK(told("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n") == "<204 No Content>\n\nagain");
  CHECK(told("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n") == "<204 No Content>\n\nover");
}

TEST_CASE("an answer of no length ends with the connection, and any other may not") {
  const std::string until_end = kOk + "Content-Type: text/plain\r\n\r\nhello";
  CHECK(told(until_end, "GET", {}, true) == "<200 OK>\nContent-Type: text/plain\nhello\nover");
  CHECK(told(until_end) == "<200 OK>\nContent-Type: text/plain\nhello\n...");
  CHECK(told(kOk + "Content-Length: 7\r\n\r\nhello", "GET", {}, true) ==
        "failed: the server closed the connection 2 bytes before the end of its answer");
  CHECK(told(kOk + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "GET", {}, true) ==
        "failed: the server closed the connection before the last chunk of its answer");
  CHECK(told("HTTP/1.1 200 OK\r\nContent-", "GET", {}, true) ==
        "failed: the server closed the connection before the head of its answer was whole");
  CHECK(told("HTTP/1.1 100 Continue\r\n\r\n", "GET", {}, true) ==
        "failed: the server closed the connection before the head of its answer was whole");
  CHECK(told(kOk + "Content-Length: 2\r\n\r\nab", "GET", {}, true) == "<200 OK>\n(2)\nab\nagain");
}

TEST_CASE(
    "a server that closes without a byte has not begun, and one that closes after the answer is not asked again") {
  Exchange exchange;
  CHECK_FALSE(exchange.codec.begun());
  CHECK(story(exchange.codec, "", 1) == "failed: the server closed the connection without an answer");
  CHECK_FALSE(exchange.codec.begun());
  CHECK(exchange.codec.error().kind == ErrorKind::bad_gateway);
  CHECK(exchange.codec.error().side == Side::upstream);
  CHECK(exchange.codec.error().retryable);

  Exchange answered;
  CHECK(story(answered.codec, kOk + "Content-Length: 0\r\n\r\n", 1) == "<200 OK>\n(0)\n\nagain");
  CHECK(answered.codec.begun());
  CHECK(answered.codec.ended() == UpstreamCodec::Step::complete);
  CHECK_FALSE(answered.codec.reusable());
}

TEST_CASE("after a head that breaks off another server may do better, after nonsense or half an answer it would not") {
  const std::vector<std::pair<std::string, bool>> answers = {{"HTTP/1.1 200 OK\r\nContent-", true},
                                                             {"HTTP/1.1 103 Early Hints\r\n\r\n", true},
                                                             {"HTTP/1.1 200 OK\r\nno field\r\n\r\n", false},
                                                             {kOk + "Content-Length: 2\r\n\r\na", false},
                                                             {kOk + "Transfer-Encoding: chunked\r\n\r\n", false}};
  for (const auto& [answer, is_retryable] : answers) {
    Exchange exchange;
    CHECK(story(exchange.codec, answer, 7).contains("failed: "));
    CHECK(exchange.codec.error().retryable == is_retryable);
  }
}

TEST_CASE("what spoils a connection for the next request") {
  CHECK(told(kOk + "Connection: close\r\nContent-Length: 2\r\n\r\nab") == "<200 OK>\n(2)\nab\nover");
  CHECK(told(kOk + "Connection: foo, Close\r\nContent-Length: 2\r\n\r\nab") == "<200 OK>\n(2)\nab\nover");
  CHECK(told(kOk + "Proxy-Connection: Close\r\nContent-Length: 2\r\n\r\nab") == "<200 OK>\n(2)\nab\nover");
  CHECK(told(kOk + "Connection: closed\r\nContent-Length: 2\r\n\r\nab") == "<200 OK>\n(2)\nab\nagain");
  CHECK(told("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab") == "<200 OK>\n(2)\nab\nover");
  CHECK(told("HTTP/1.0 200 OK\r\n\r\nab", "GET", {}, true) == "<200 OK>\nab\nover");
  for (const std::string framing :
       {"Content-Length: 2\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"}) {
    Exchange exchange;
    const std::string answer = kOk + framing + "HTTP/1.1 200 Evil\r\n";
    CHECK(story(exchange.codec, answer, answer.size()).ends_with("\nab\nleft: HTTP/1.1 200 Evil\r\n\nover"));
    CHECK_FALSE(exchange.codec.reusable());
  }
}

TEST_CASE("that the connection is kept is no field, but what else Connection says is one") {
  Arena arena;
  H1ResponseParser parser{HeadLimits{}};
  const auto fields_with = [&](const std::string& line) {
    parser.begin(arena, {});
    const std::string head = kOk + line + "X: y\r\nContent-Length: 0\r\n\r\n";
    std::size_t consumed = 0;
    std::string_view content;
    REQUIRE(parser.read(head.data(), head.size(), consumed, content) == ReadStep::head);
    return parser.head().headers.size();
  };
  CHECK(fields_with("") == 1);
  CHECK(fields_with("Connection: Keep-Alive\r\nProxy-Connection: keep-alive\r\n") == 1);
  CHECK(parser.reusable());
  CHECK(fields_with("Connection: keep-alive, X\r\n") == 2);
  CHECK(parser.reusable());
  CHECK(fields_with("Connection: keep-alive\r\nConnection: close\r\n") == 2);
  CHECK_FALSE(parser.reusable());
}

TEST_CASE("a request that said close leaves no connection behind") {
  Exchange exchange;
  UpstreamRequest request(exchange.fake.request);
  request.method = "GET";
  request.target = "/";
  request.keep_alive = false;
  std::string out;
  REQUIRE(exchange.codec.write_head(request, out));
  CHECK(story(exchange.codec, kOk + "Content-Length: 0\r\n\r\n", 100) == "<200 OK>\n(0)\n\nover");
}

TEST_CASE("interim answers come before the final one") {
  CHECK(told("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x\r\n\r\n" + kOk +
             "Content-Length: 2\r\n\r\nab") ==
        "<100 Continue>\n<103 Early Hints>\nLink: </a.css>\n<200 OK>\n(2)\nab\nagain");
  std::string flood;
  for (int i = 0; i < 1001; ++i) flood += "HTTP/1.1 102 Processing\r\n\r\n";
  CHECK(told(flood) == "failed: the server answered with more interim answers than 1000");
}

TEST_CASE("a protocol that was asked for begins behind the head, whatever its first bytes are") {
  CHECK(told("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX: y\r\n\r\nHTTP/1.1",
             "GET", "websocket") == "<101 Switching Protocols>\nX: y\nUpgrade: WebSocket\n\nleft: HTTP/1.1\nover");
  CHECK(told(kOk + "Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n", "GET", "websocket") ==
        "<200 OK>\n(0)\n\nagain");
}

TEST_CASE("fields of the connection go no further") {
  CHECK(told(kOk +
             "Connection: keep-alive, X-Own\r\nKeep-Alive: timeout=5\r\nx-own: 1\r\nTE: trailers\r\nTrailer: X\r\n"
             "Proxy-Connection: keep-alive\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nServer: peer\r\n"
             "Content-Length: 0\r\n\r\n") == "<200 OK>\n(0)\nProxy-Authenticate: Basic\nServer: peer\n\nagain");
}

TEST_CASE("the limits of a head hold at every split") {
  const std::string head = kOk + "A: 1\r\nB: 2\r\nContent-Length: 0\r\n\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, head.size()}) {
    CAPTURE(piece);
    Exchange fits("GET", {}, {.bytes = static_cast<std::uint32_t>(head.size()), .fields = 3});
    CHECK(story(fits.codec, head, piece) == "<200 OK>\n(0)\nA: 1\nB: 2\n\nagain");
    Exchange bytes("GET", {}, {.bytes = static_cast<std::uint32_t>(head.size() - 1), .fields = 3});
    CHECK(story(bytes.codec, head, piece) ==
          "failed: the server answered with a head larger than " + std::to_string(head.size() - 1) + " bytes");
    Exchange fields("GET", {}, {.bytes = 1000, .fields = 2});
    CHECK(story(fields.codec, head, piece) == "failed: the server answered with more header fields than 2");
  }
  Exchange endless("GET", {}, {.bytes = 1000, .fields = 100});
  CHECK(story(endless.codec, kOk + "A: " + std::string(5000, 'a'), 100) ==
        "failed: the server answered with a head larger than 1000 bytes");
}

TEST_CASE("chunk extensions and trailers without end are refused") {
  const std::string chunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";
  for (const std::string& framing : {"1;" + std::string(40'000, 'a'), "0\r\nA: " + std::string(40'000, 'a')}) {
    Exchange exchange;
    CHECK(story(exchange.codec, chunked + framing, 1000) ==
          "failed: the server answered with chunk extensions or trailers that do not end");
  }
  std::string trailers = chunked + "0\r\n";
  for (int i = 0; i < 101; ++i) trailers += "A: 1\r\n";
  Exchange exchange;
  CHECK(story(exchange.codec, trailers + "\r\n", 1000) == "failed: the server answered with more trailers than 100");
}

TEST_CASE("hostile answers are refused at every split") {
  const std::string chunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::string> hostile = {
      "SSH-2.0-OpenSSH_9.2\r\n",
      std::string("\x15\x03\x01\x00\x02\x02\x46", 7),
      "\r\nHTTP/1.1 200 OK\r\n\r\n",
      " HTTP/1.1 200 OK\r\n\r\n",
      "http/1.1 200 OK\r\n\r\n",
      "HTTP/0.9 200 OK\r\n\r\n",
      "HTTP/1.2 200 OK\r\n\r\n",
      "HTTP/2.0 200 OK\r\n\r\n",
      "HTTP/1.1  200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 099 OK\r\n\r\n",
      "HTTP/1.1 -20 OK\r\n\r\n",
      "HTTP/1.1\r\n\r\n",
      "HTTP/1.1 200 a\x01z\r\n\r\n",
      "HTTP/1.1 200 OK\n\r\n",
      "HTTP/1.1 200 OK\r\n\n",
      "HTTP/1.1 200 OK\r\r\n\r\n",
      kOk + "A: 1\nB: 2\r\n\r\n",
      kOk + "A: 1\rB: 2\r\n\r\n",
      kOk + "A: 1\r\n folded\r\n\r\n",
      kOk + "A: 1\r\n \r\n\r\n",
      kOk + "A: 1\r\n\tfolded\r\n\r\n",
      kOk + " A: 1\r\n\r\n",
      kOk + "A : 1\r\n\r\n",
      kOk + ": 1\r\n\r\n",
      kOk + "A\r\n\r\n",
      kOk + "A B: 1\r\n\r\n",
      kOk + "A\xc3\xa4: 1\r\n\r\n",
      kOk + std::string("A: 1\0002\r\n\r\n", 10),
      kOk + "A: 1\x01\r\n\r\n",
      kOk + "A: 1\x7f\r\n\r\n",
      kOk + "A: " + std::string(255, '\x01') + "\r\n\r\n",
      kOk + "A: " + std::string(256, '\r') + "\r\n\r\n",
      kOk + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
      kOk + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
      kOk + "Content-Length: 5, 5\r\n\r\nhello",
      kOk + "Content-Length: +5\r\n\r\nhello",
      kOk + "Content-Length: -5\r\n\r\nhello",
      kOk + "Content-Length: 0x5\r\n\r\nhello",
      kOk + "Content-Length: 5 5\r\n\r\nhello",
      kOk + "Content-Length:\r\n\r\nhello",
      kOk + "Content-Length: 99999999999999999999999\r\n\r\nhello",
      kOk + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      kOk + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      kOk + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      kOk + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
      kOk + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      kOk + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
      kOk + "Transfer-Encoding: identity\r\n\r\n",
      kOk + "Transfer-Encoding: xchunked\r\n\r\n",
      kOk + "Transfer-Encoding:\r\n\r\n",
      kOk +
          "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      chunked + "g\r\n",
      chunked + "-1\r\n",
      chunked + " 1\r\na\r\n",
      chunked + "0x1\r\na\r\n",
      chunked + "\r\n1\r\na\r\n",
      chunked + "10000000000000000\r\n",
      chunked + "1\na\r\n",
      chunked + "1;a\nb\r\na\r\n",
      chunked + "1;a\rb\r\na\r\n",
      chunked + "1\r\na\n",
      chunked + "1\r\nab\r\n",
      chunked + "1\r\na\rb",
      chunked + "0\r\nA: 1\n\r\n",
      chunked + "0\r\nA: 1\rB: 2\r\n\r\n",
      chunked + "0\r\nA: 1\r\n folded\r\n\r\n",
      chunked + "0\r\nA B: 1\r\n\r\n",
      chunked + "0\r\nA: 1\x01\r\n\r\n",
      chunked + "0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\n",
  };
  for (const std::string& bytes : hostile) {
    CAPTURE(bytes);
    for (std::size_t piece = bytes.size(); piece > 0; --piece) {
      CAPTURE(piece);
      Exchange exchange;
      const std::string heard = story(exchange.codec, bytes, piece, false);
      CHECK(heard.starts_with("failed: the server answered with "));
      CHECK(exchange.codec.ended() == UpstreamCodec::Step::failed);
      CHECK_FALSE(exchange.codec.reusable());
    }
  }
}

TEST_CASE("another protocol than the one that was asked for is refused") {
  const std::string head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n";
  CHECK(told(head + "Upgrade: h2c\r\n\r\n", "GET", "websocket") ==
        "failed: the server answered with 101 for another protocol than was asked for");
  CHECK(told(head + "\r\n", "GET", "websocket") ==
        "failed: the server answered with 101 for another protocol than was asked for");
  CHECK(told(head + "Upgrade: websocket\r\n\r\n") ==
        "failed: the server answered with 101 where no other protocol was asked for");
}

TEST_CASE("a codec serves one exchange after another, also behind one that failed") {
  Exchange exchange;
  const auto again = [&] {
    UpstreamRequest request(exchange.fake.request);
    request.method = "GET";
    request.target = "/";
    std::string out;
    REQUIRE(exchange.codec.write_head(request, out));
  };
  CHECK(story(exchange.codec, kOk + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: 1\r\n\r\n", 3) ==
        "<200 OK>\na\nA: 1\nagain");
  again();
  CHECK(story(exchange.codec, "HTTP/1.1 200 O", 3).starts_with("failed"));
  again();
  CHECK_FALSE(exchange.codec.begun());
  CHECK(story(exchange.codec, kOk + "Content-Length: 1\r\n\r\nb", 100) == "<200 OK>\n(1)\nb\nagain");
}
