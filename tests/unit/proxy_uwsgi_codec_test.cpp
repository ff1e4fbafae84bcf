// UwsgiCodec: the packet is read back by our own public socket's reader, and a real uWSGI's answers are understood.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>

#include "core/http/path.h"
#include "core/uwsgi/packet.h"
#include "core/uwsgi/read_vars.h"
#include "proxy/uwsgi_codec.h"
#include "support/codec_story.h"
#include "support/fake_request.h"

using namespace edge;
using namespace edge::test;

namespace {

/// What goes out of a request whose client asked for something else.
struct Sending {
  explicit Sending(std::string_view method = "GET", std::string_view target = "/")
      : fake(loop, "OPTIONS", "/client?own", {{"Host", "client.example"}, {"X-Client", "1"}}), request(fake.request) {
    request.method = fake.arena.copy(method);
    request.target = fake.arena.copy(target);
    request.host = "Shop.example:8080";
  }
  void add(std::string_view name, std::string_view value) {
    request.headers.add(fake.arena.copy(name), fake.arena.copy(value));
  }
  std::string written() {
    std::string out;
    REQUIRE(codec.write_head(request, out));
    const std::size_t head = out.size();
    codec.begin_content(5, out);
    codec.end_content(5, out);
    codec.finish_content(out);
    CHECK(out.size() == head);  // content goes as it is
    return out;
  }
  /// The variables of what is written; a name that occurs twice fails the test.
  std::map<std::string, std::string> variables() {
    const std::string packet = written();
    REQUIRE(packet.size() >= uwsgi::kHeaderSize);
    const uwsgi::Header header = uwsgi::decode_header(packet.data());
    CHECK(header.modifier1 == 0);
    CHECK(header.modifier2 == 0);
    CHECK(header.block_size == packet.size() - uwsgi::kHeaderSize);
    std::map<std::string, std::string> result;
    uwsgi::BlockReader reader(std::string_view(packet).substr(uwsgi::kHeaderSize));
    for (uwsgi::Variable variable; reader.next(variable) == uwsgi::BlockReader::Step::variable;) {
      CHECK(result.emplace(variable.name, variable.value).second);
    }
    return result;
  }

  Loop loop;
  FakeRequest fake;
  UpstreamRequest request;
  UwsgiCodec codec{HeadLimits{}};
};

}  // namespace

TEST_CASE("a uwsgi server is told what goes out, not what came in") {
  Sending sending("POST", "/cart%20one?a=b");
  sending.request.script_name = "/shop dir";
  sending.request.has_content = true;
  sending.request.length = 12;
  sending.add("Content-Type", "text/plain");
  sending.add("Accept", "*/*");
  sending.add("Proxy", "http://192.0.2.66/");
  sending.add("Host", "evil.example");
  sending.add("Content-Length", "7");
  auto variables = sending.variables();
  CHECK(variables.at("REQUEST_ID") == sending.fake.request.id());
  variables.erase("REQUEST_ID");
  CHECK(variables == std::map<std::string, std::string>{{"REQUEST_METHOD", "POST"},
                                                        {"SCRIPT_NAME", "/shop dir"},
                                                        {"PATH_INFO", "/cart one"},
                                                        {"QUERY_STRING", "a=b"},
                                                        {"REQUEST_URI", "/shop%20dir/cart%20one?a=b"},
                                                        {"SERVER_PROTOCOL", "HTTP/1.1"},
                                                        {"SERVER_NAME", "shop.example"},
                                                        {"SERVER_PORT", "80"},
                                                        {"REMOTE_ADDR", "127.0.0.1"},
                                                        {"REMOTE_PORT", "50000"},
                                                        {"REQUEST_SCHEME", "http"},
                                                        {"CONTENT_TYPE", "text/plain"},
                                                        {"CONTENT_LENGTH", "12"},
                                                        {"HTTP_HOST", "Shop.example:8080"},
                                                        {"HTTP_ACCEPT", "*/*"}});
}

TEST_CASE("a WebSocket is asked for in variables, and its handshake is understood") {
  Sending sending;
  sending.request.upgrade = "websocket";
  sending.add("Sec-WebSocket-Key", "abc");
  const auto variables = sending.variables();
  CHECK(variables.at("HTTP_UPGRADE") == "websocket");
  CHECK(variables.at("HTTP_CONNECTION") == "Upgrade");
  CHECK(variables.at("HTTP_SEC_WEBSOCKET_KEY") == "abc");
  const std::string answer =
      "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n\x81";
  CHECK(story(sending.codec, answer, answer.size()) ==
        "<101 Web Socket Protocol Handshake>\nUpgrade: WebSocket\n\nleft: \x81\nover");
}

TEST_CASE("what cannot be said in uwsgi is refused, and nothing is written") {
  const auto refused = [](Sending& sending) {
    std::string out;
    const Result<void> result = sending.codec.write_head(sending.request, out);
    REQUIRE_FALSE(result);
    CHECK(out.empty());
    return result.error().kind;
  };
  Sending unknown("POST");
  unknown.request.has_content = true;
  CHECK(unknown.codec.needs_length());
  CHECK(refused(unknown) == ErrorKind::internal);
  Sending large;
  large.add("X-Large", std::string(65'000, 'a'));
  large.add("X-More", std::string(1'000, 'a'));
  CHECK(refused(large) == ErrorKind::headers_too_large);
  for (const std::string_view target : {"", "*", "http://a/", "/%zz", "/a b", "/../a", "/%00"}) {
    CAPTURE(target);
    Sending sending("GET", target);
    CHECK(refused(sending) == ErrorKind::malformed);
  }
}

TEST_CASE("any packet is read back by our own reader as it was written") {
  std::mt19937 random(20261121);
  const auto below = [&random](std::size_t bound) { return random() % bound; };
  const auto text = [&](std::string_view alphabet, std::size_t size) {
    std::string made;
    while (made.size() < size) made += alphabet[below(alphabet.size())];
    return made;
  };
  for (int round = 0; round < 300; ++round) {
    Sending sending("REPORT", "/" + text("abc/%41?&=;:@!$'()*+,-_~", below(40)));
    if (const Result<Target> target = parse_target(sending.request.target, sending.fake.arena); !target) continue;
    std::map<std::string, std::string> fields;
    for (std::size_t i = below(12); i > 0; --i)
      fields["X-" + text("ABC019-", 1 + below(20))] = text("ab ,;\"\xff", below(60));
    for (const auto& [name, value] : fields) sending.add(name, value);
    const std::string packet = sending.written();
    Arena arena;
    FakeBody body;
    ConnectionInfo connection;
    Request request(sending.loop, arena, body);
    request.connection = &connection;
    REQUIRE(uwsgi::read_vars(std::string_view(packet).substr(uwsgi::kHeaderSize), {}, request, connection));
    CHECK(request.method_name == "REPORT");
    CHECK(request.target == sending.request.target);
    CHECK(request.host == "shop.example");
    CHECK(request.headers.size() == fields.size() + 1);
    for (const auto& [name, value] : fields) {
      REQUIRE(request.headers.find(name));
      CHECK(request.headers.find(name)->value == value);
    }
    CHECK(connection.remote == sending.fake.connection.remote);
  }
}

TEST_CASE("an answer of uWSGI ends with the connection, or at its length, and repeats the version it was told") {
  const auto heard = [](std::string_view bytes, std::size_t piece) {
    Sending sending;
    sending.written();
    return story(sending.codec, bytes, piece);
  };
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
    CAPTURE(piece);
    CHECK(heard("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nhello", piece) ==
          "<200 OK>\nContent-Type: text/html\nhello\nover");
    CHECK(heard("HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", piece) == "<200 OK>\n(5)\nhello\nover");
    CHECK(heard("HTTP/1.0 404 Not Found\r\n\r\n", piece) == "<404 Not Found>\n\nover");
    CHECK(heard("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", piece) ==
          "<200 OK>\nhello\nover");
    CHECK(heard("HTTP/2.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", piece).starts_with("failed: "));
    CHECK(heard("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhello", piece).starts_with("failed: "));
    CHECK(heard("Internal Server Error", piece).starts_with("failed: "));
  }
}
