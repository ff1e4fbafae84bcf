// HttpCodec, the half that writes: what goes to a server is read back as it was meant by our own parser.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/http/h1_parser.h"
#include "proxy/http_codec.h"
#include "support/fake_request.h"

using namespace edge;
using namespace edge::test;

namespace {

/// A client's request and what is made of it.
struct Sending {
  explicit Sending(std::string_view method = "GET", std::string_view target = "/")
      : fake(loop, method), request(fake.request) {
    request.method = fake.request.method_name;
    request.target = fake.arena.copy(target);
    request.host = "shop.example:8080";
  }
  void add(std::string_view name, std::string_view value) {
    request.headers.add(fake.arena.copy(name), fake.arena.copy(value));
  }
  /// Head and content, which goes in pieces of at most `piece` bytes.
  std::string written(std::string_view content = {}, std::size_t piece = 4096) {
    std::string out;
    REQUIRE(codec.write_head(request, out));
    while (!content.empty()) {
      const std::string_view part = content.substr(0, std::min(piece, codec.most_content()));
      codec.begin_content(part.size(), out);
      out += part;
      codec.end_content(part.size(), out);
      content.remove_prefix(part.size());
    }
    codec.finish_content(out);
    return out;
  }
  Error refused() {
    std::string out = "before";
    const Result<void> result = codec.write_head(request, out);
    REQUIRE_FALSE(result);
    CHECK(out == "before");
    return result.error();
  }

  Loop loop;
  FakeRequest fake;
  UpstreamRequest request;
  HttpCodec codec{HeadLimits{}};
};

/// A request as our own front door reads it.
struct Received {
  explicit Received(std::string_view bytes) : request(loop, arena, body), text(bytes) {
    H1Parser parser;
    parser.begin(request, limits);
    std::size_t at = 0;
    REQUIRE(parser.parse_head(text.data(), text.size(), at) == H1Parser::Step::complete);
    framing = parser.framing();
    auto step = framing.has_body() ? H1Parser::Step::need_more : H1Parser::Step::complete;
    while (step == H1Parser::Step::need_more && at < text.size()) {
      std::size_t consumed = 0;
      std::string_view found;
      step = parser.parse_body(text.data() + at, text.size() - at, consumed, found);
      content += found;
      at += consumed;
    }
    CHECK(step == H1Parser::Step::complete);
    CHECK(at == text.size());  // nothing stands behind it, which would be another request
  }
  Loop loop;
  Arena arena;
  FakeBody body;
  HttpSettings limits;
  Request request;
  std::string text;
  H1Framing framing;
  std::string content;
};

}  // namespace

TEST_CASE("a request without content is its line, its host and its fields") {
  Sending sending("GET", "/a%20b?c=d");
  sending.add("Accept", "*/*");
  sending.add("X_Odd", "");
  CHECK(sending.written() == "GET /a%20b?c=d HTTP/1.1\r\nHost: shop.example:8080\r\nAccept: */*\r\nX_Odd: \r\n\r\n");
  sending.request.keep_alive = false;
  CHECK(sending.written() ==
        "GET /a%20b?c=d HTTP/1.1\r\nHost: shop.example:8080\r\nAccept: */*\r\nX_Odd: \r\nConnection: close\r\n\r\n");
  sending.request.upgrade = "websocket";
  CHECK(sending.written().ends_with("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
}

TEST_CASE("a method that gives content a meaning says that there is none") {
  for (const std::string_view method : {"POST", "PUT", "PATCH"}) {
    CHECK(Sending(method).written().ends_with("\r\nContent-Length: 0\r\n\r\n"));
  }
  for (const std::string_view method : {"GET", "HEAD", "DELETE", "OPTIONS", "PROPFIND"}) {
    CHECK_FALSE(Sending(method).written().contains("Content-Length"));
  }
}

TEST_CASE("content is announced by its length, or goes in chunks where that is not known") {
  Sending known("POST");
  known.request.has_content = true;
  known.request.length = 5;
  CHECK(known.written("hello").ends_with("\r\nContent-Length: 5\r\n\r\nhello"));
  Sending unknown("POST");
  unknown.request.has_content = true;
  CHECK(unknown.written("hello world, again", 17)
            .ends_with("\r\nTransfer-Encoding: chunked\r\n\r\n11\r\nhello world, agai\r\n1\r\nn\r\n0\r\n\r\n"));
  CHECK(unknown.written().ends_with("\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
  CHECK_FALSE(unknown.codec.needs_length());
}

TEST_CASE("fields that the codec writes itself are never taken from the list") {
  Sending sending("POST");
  for (const std::string_view name : {"Host", "content-length", "Transfer-Encoding", "Connection", "Upgrade"}) {
    sending.add(name, "5");
  }
  CHECK(sending.written() == "POST / HTTP/1.1\r\nHost: shop.example:8080\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("whatever would end a line or a word early is refused, and nothing is written") {
  for (const std::string_view value : {"a\r\nEvil: 1", "a\nb", "a\rb", "\n", "a\r\n\r\nGET /evil HTTP/1.1\r\n"}) {
    CAPTURE(value);
    Sending in_value;
    in_value.add("X-A", value);
    CHECK(in_value.refused().kind == ErrorKind::malformed);
    Sending in_name;
    in_name.add(value, "1");
    CHECK(in_name.refused().context == "a request that cannot be sent on: a line end or a NUL in its header");
    Sending in_host;
    in_host.request.host = value;
    CHECK(in_host.refused().side == Side::client);
    Sending in_upgrade;
    in_upgrade.request.upgrade = value;
    CHECK(in_upgrade.refused().kind == ErrorKind::malformed);
    Sending in_target("GET", "/" + std::string(value));
    CHECK(in_target.refused().context == "a request that cannot be sent on: its target is no path");
    Sending in_method("GET" + std::string(value));
    CHECK(in_method.refused().context == "a request that cannot be sent on: its method is no token");
  }
  Sending nul;
  nul.add("X-A", std::string_view("a\0b", 3));
  nul.refused();
  for (const std::string_view target : {"", "a", "*", "http://a/", "/a b", "/a\tb", "/a\x7f"}) {
    CAPTURE(target);
    Sending("GET", target).refused();
  }
  for (const std::string_view method : {"", "GE T", "GET:"}) Sending(method).refused();
  CHECK(Sending("OPTIONS", "*").written().starts_with("OPTIONS * HTTP/1.1\r\n"));
}

TEST_CASE("what is written behind something else leaves that alone") {
  Sending sending;
  std::string out = "two\r\nlines\r\n";
  REQUIRE(sending.codec.write_head(sending.request, out));
  CHECK(out == "two\r\nlines\r\nGET / HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n");
}

TEST_CASE("any request is read back by our own parser as it was written") {
  std::mt19937 random(20261121);
  const auto below = [&random](std::size_t bound) { return random() % bound; };
  const auto text = [&](std::string_view alphabet, std::size_t size) {
    std::string made;
    while (made.size() < size) made += alphabet[below(alphabet.size())];
    return made;
  };
  constexpr std::string_view kMethods[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "PROPFIND"};
  constexpr std::string_view kNames = "abcXYZ019-_.!#$%&'*+^`|~";
  constexpr std::string_view kValues = "abc XYZ\t019,;:=\"\\()<>@[]{}/?\x80\xe9\xff";
  constexpr std::string_view kTargets = "abc/%41?&=;:@!$'()*+,.-_~|{}\"\\^`<>[]";
  for (int round = 0; round < 400; ++round) {
    Sending sending(kMethods[below(std::size(kMethods))], "/" + text(kTargets, below(40)));
    std::vector<std::pair<std::string, std::string>> fields;
    for (std::size_t i = below(12); i > 0; --i) {
      fields.emplace_back("X" + text(kNames, 1 + below(20)), trimmed(text(kValues, below(60))));
      sending.add(fields.back().first, fields.back().second);
    }
    const std::string content = text(std::string_view("\0\r\n0aZ\xff", 7), below(3) == 0 ? 0 : below(500));
    sending.request.has_content = !content.empty();
    if (below(2) == 0) sending.request.length = content.size();
    const Received received(sending.written(content, 1 + below(100)));
    CHECK(received.request.method_name == sending.request.method);
    CHECK(received.request.target == sending.request.target);
    CHECK(received.request.headers.get(HeaderName::host) == "shop.example:8080");
    CHECK(received.content == content);
    CHECK(received.framing.keep_alive);
    REQUIRE(received.request.headers.size() >= fields.size() + 1);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      CHECK(received.request.headers[i + 1].name == fields[i].first);
      CHECK(received.request.headers[i + 1].value == fields[i].second);
    }
  }
}
