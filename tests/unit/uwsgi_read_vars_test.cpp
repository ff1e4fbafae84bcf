// From a packet's variables to a request, and on to what the app is told: nothing lost, nothing obeyed.
#include "core/uwsgi/read_vars.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "core/uwsgi/vars.h"
#include "support/fake_request.h"
#include "support/uwsgi_packet.h"

using namespace edge;
using namespace edge::test;

namespace {

using Variables = std::map<std::string, std::string>;

/// A request without anything of its own, read from `variables`.
struct Read {
  explicit Read(PacketVariables variables, HttpSettings limits = {}) : block(uwsgi_block(variables)) {
    request.connection = &connection;
    body_size = uwsgi::read_vars(block, limits, request, connection);
  }
  ErrorKind error() const {
    REQUIRE_FALSE(body_size);
    return body_size.error().kind;
  }
  /// What the worker is sent; a name that occurs twice fails the test.
  Variables told() {
    std::string to(uwsgi::kMaxBlock, '\0');
    uwsgi::BlockWriter writer(to.data(), to.size());
    uwsgi::add_vars(request, "", std::nullopt, writer);
    Variables result;
    uwsgi::BlockReader reader(std::string_view(to).substr(0, writer.size()));
    for (uwsgi::Variable variable; reader.next(variable) == uwsgi::BlockReader::Step::variable;) {
      CAPTURE(variable.name);
      CHECK(result.emplace(variable.name, variable.value).second);
    }
    CHECK(result.erase("REQUEST_ID") == 1);
    return result;
  }

  Loop loop;
  Arena arena;
  FakeBody body;
  ConnectionInfo connection;
  std::string block;
  Request request{loop, arena, body};
  Result<std::uint64_t> body_size;
};

}  // namespace

TEST_CASE("what nginx sends reaches the app as it was sent") {
  Read read({{"QUERY_STRING", "a=1"},
             {"REQUEST_METHOD", "POST"},
             {"CONTENT_TYPE", "text/plain"},
             {"CONTENT_LENGTH", "12"},
             {"REQUEST_URI", "/caf%C3%A9?a=1"},
             {"PATH_INFO", "/caf\xc3\xa9"},
             {"DOCUMENT_ROOT", "/srv/www"},
             {"SERVER_PROTOCOL", "HTTP/2.0"},
             {"REQUEST_SCHEME", "https"},
             {"HTTPS", "on"},
             {"REMOTE_ADDR", "192.0.2.7"},
             {"REMOTE_PORT", "50001"},
             {"SERVER_PORT", "443"},
             {"SERVER_NAME", "_"},
             {"HTTP_HOST", "Shop.example:8443"},
             {"HTTP_X_FORWARDED_FOR", "198.51.100.1"},
             {"HTTP_X_OWN", ""}});
  REQUIRE(read.body_size);
  CHECK(*read.body_size == 12);
  const Request& request = read.request;
  CHECK(request.method == Method::post);
  CHECK(request.target == "/caf%C3%A9?a=1");
  CHECK(request.path == "/caf\xc3\xa9");
  CHECK(request.query == "a=1");
  CHECK(request.host == "shop.example");
  CHECK(request.scheme() == "https");
  CHECK(request.headers.get(HeaderName::content_type) == "text/plain");
  CHECK(request.headers.get(HeaderName::x_forwarded_for) == "198.51.100.1");
  CHECK(read.connection.remote == *Address::parse("192.0.2.7:50001"));
  CHECK(read.told() == Variables{{"QUERY_STRING", "a=1"},
                                 {"REQUEST_METHOD", "POST"},
                                 {"CONTENT_TYPE", "text/plain"},
                                 {"REQUEST_URI", "/caf%C3%A9?a=1"},
                                 {"PATH_INFO", "/caf\xc3\xa9"},
                                 {"SCRIPT_NAME", ""},
                                 {"DOCUMENT_ROOT", "/srv/www"},
                                 {"SERVER_PROTOCOL", "HTTP/2.0"},
                                 {"REQUEST_SCHEME", "https"},
                                 {"HTTPS", "on"},
                                 {"REMOTE_ADDR", "192.0.2.7"},
                                 {"REMOTE_PORT", "50001"},
                                 {"SERVER_PORT", "443"},
                                 {"SERVER_NAME", "_"},
                                 {"HTTP_HOST", "Shop.example:8443"},
                                 {"HTTP_X_FORWARDED_FOR", "198.51.100.1"},
                                 {"HTTP_X_OWN", ""}});
}

TEST_CASE("variables of the operator's own are told, and a mount or a rewrite of the server in front stands") {
  Read read({{"REQUEST_METHOD", "GET"},
             {"REQUEST_URI", "/shop/old?x"},
             {"SCRIPT_NAME", "/shop"},
             {"PATH_INFO", "/new"},
             {"QUERY_STRING", "y"},
             {"REMOTE_USER", "ada"},
             {"SSL_CLIENT_CERT", "-----BEGIN\n\tMII\n"},
             {"trac.env_path", "/srv/trac"}});
  REQUIRE(read.body_size);
  const Variables told = read.told();
  CHECK(told.at("SCRIPT_NAME") == "/shop");
  CHECK(told.at("PATH_INFO") == "/new");
  CHECK(told.at("QUERY_STRING") == "y");
  CHECK(told.at("REQUEST_URI") == "/shop/old?x");
  CHECK(told.at("REMOTE_USER") == "ada");
  CHECK(told.at("SSL_CLIENT_CERT") == "-----BEGIN\n\tMII\n");
  CHECK(told.at("trac.env_path") == "/srv/trac");
}

TEST_CASE("a variable that would command the server, or pose as the gateway's own, reaches nobody") {
  for (const std::string_view name : {"UWSGI_SCRIPT",
                                      "UWSGI_MODULE",
                                      "UWSGI_CALLABLE",
                                      "UWSGI_FILE",
                                      "UWSGI_CHDIR",
                                      "UWSGI_HOME",
                                      "UWSGI_PYHOME",
                                      "UWSGI_SETENV",
                                      "UWSGI_APPID",
                                      "UWSGI_POSTFILE",
                                      "UWSGI_TOUCH_RELOAD",
                                      "UWSGI_SCHEME",
                                      "REQUEST_ID",
                                      "wsgi.errors",
                                      "wsgi.input",
                                      "edge.disconnected",
                                      "uwsgi.version",
                                      "HTTP_PROXY",
                                      "HTTP_CONTENT_LENGTH",
                                      "HTTP_CONTENT_TYPE",
                                      "HTTP_TRANSFER_ENCODING",
                                      "HTTP_"}) {
    CAPTURE(name);
    Read read({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {name, "evil"}});
    REQUIRE(read.body_size);
    CHECK(*read.body_size == 0);
    CHECK_FALSE(read.told().contains(std::string(name)));
  }
}

TEST_CASE("of two variables with one name the last counts") {
  Read read({{"REQUEST_METHOD", "GET"},
             {"REQUEST_URI", "/"},
             {"HTTP_HOST", "first.example"},
             {"HTTP_X_TAG", "one"},
             {"SERVER_NAME", "one"},
             {"CONTENT_LENGTH", "3"},
             {"HTTP_HOST", "last.example:81"},
             {"HTTP_X_TAG", "two"},
             {"SERVER_NAME", "two"},
             {"CONTENT_LENGTH", ""}});
  REQUIRE(read.body_size);
  CHECK(*read.body_size == 0);
  CHECK(read.request.host == "last.example");
  const Variables told = read.told();
  CHECK(told.at("HTTP_HOST") == "last.example:81");
  CHECK(told.at("HTTP_X_TAG") == "two");
  CHECK(told.at("SERVER_NAME") == "two");
}

TEST_CASE("a variable that is repeated is replaced where it stands, which takes no memory") {
  Read read({{"A", "1"}, {"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"A", "2"}, {"B", ""}, {"A", "3"}});
  REQUIRE(read.body_size);
  REQUIRE(read.request.params.size() == 4);
  CHECK(read.request.params[0].name == "A");
  CHECK(read.request.params[0].value == "3");
}

TEST_CASE("the scheme is what UWSGI_SCHEME says, else HTTPS, else REQUEST_SCHEME, and is told in one voice") {
  const auto scheme = [](std::string_view uwsgi, std::string_view https, std::string_view request) {
    Read read({{"REQUEST_METHOD", "GET"},
               {"REQUEST_URI", "/"},
               {"UWSGI_SCHEME", uwsgi},
               {"HTTPS", https},
               {"REQUEST_SCHEME", request}});
    const Variables told = read.told();
    CHECK(told.contains("HTTPS") == (told.at("REQUEST_SCHEME") == "https"));
    return told.at("REQUEST_SCHEME");
  };
  CHECK(scheme("", "", "") == "http");
  CHECK(scheme("", "", "https") == "https");
  CHECK(scheme("", "1", "http") == "https");
  CHECK(scheme("", "off", "https") == "http");
  CHECK(scheme("https", "", "http") == "https");
  CHECK(scheme("http", "on", "https") == "http");
}

TEST_CASE("a target that was not sent is made of its parts") {
  Read read({{"REQUEST_METHOD", "GET"}, {"SCRIPT_NAME", "/a b"}, {"PATH_INFO", "/c%?\xff"}, {"QUERY_STRING", "q=1"}});
  REQUIRE(read.body_size);
  CHECK(read.request.target == "/a%20b/c%25%3F%FF?q=1");
  CHECK(read.request.path == "/a b/c%?\xff");
}

TEST_CASE("a client without an address of IP keeps that of the socket") {
  Read read({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"REMOTE_ADDR", "unix:"}, {"REMOTE_PORT", ""}});
  REQUIRE(read.body_size);
  CHECK(read.connection.remote.family == Address::Family::none);
  CHECK(read.told().at("REMOTE_ADDR") == "unix:");
  Read six({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"REMOTE_ADDR", "2001:db8::1"}});
  CHECK(six.connection.remote == *Address::parse("[2001:db8::1]:0"));
}

TEST_CASE("what breaks the rules is refused") {
  const auto kind = [](PacketVariables variables, HttpSettings limits = {}) { return Read(variables, limits).error(); };
  CHECK(kind({}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_URI", "/"}}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_METHOD", "G T"}, {"REQUEST_URI", "/"}}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_METHOD", "GET"}}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/../x"}}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "*"}}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_METHOD", "CONNECT"}, {"REQUEST_URI", "/"}}) == ErrorKind::not_implemented);
  CHECK(kind({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"HTTP_HOST", "a b"}}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"", "x"}}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"A B", "x"}}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"HTTP_X", "a\r\nB: c"}}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"CONTENT_TYPE", "a\nb"}}) == ErrorKind::malformed);
  CHECK(kind({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"FOO", {"a\0b", 3}}}) == ErrorKind::malformed);
  for (const std::string_view length : {"-1", "1x", "0x10", " 1", "18446744073709551616"}) {
    CHECK(kind({{"REQUEST_METHOD", "POST"}, {"REQUEST_URI", "/"}, {"CONTENT_LENGTH", length}}) == ErrorKind::malformed);
  }
  HttpSettings limits;
  limits.max_headers = 1;
  limits.max_uri = 3;
  CHECK(kind({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/abc"}}, limits) == ErrorKind::uri_too_long);
  CHECK(kind({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"HTTP_A", ""}, {"HTTP_B", ""}}, limits) ==
        ErrorKind::headers_too_large);
}

TEST_CASE("a packet may name only so many variables, and a block that is cut is refused") {
  Loop loop;
  const auto read = [&loop](const std::string& block) {
    FakeRequest fake(loop);
    return uwsgi::read_vars(block, HttpSettings(), fake.request, fake.connection);
  };
  std::string many;
  for (int i = 0; i < 257; ++i) many += uwsgi_block({{"V" + std::to_string(i), ""}});
  REQUIRE_FALSE(read(many));
  CHECK(read(many).error().kind == ErrorKind::headers_too_large);
  const std::string block = uwsgi_block({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}});
  CHECK(read(block));
  for (std::size_t size = 1; size < block.size(); ++size) CHECK_FALSE(read(block.substr(0, size)));
}
