// add_vars: CGI variables of a request (RFC 3875, PEP 3333), and what may not become one.
#include "core/uwsgi/vars.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "support/fake_request.h"

using namespace edge;
using edge::test::FakeRequest;

namespace {

using Variables = std::map<std::string, std::string>;

/// Every variable of the block; a name that occurs twice fails the test.
Variables read_block(std::string_view block) {
  Variables result;
  uwsgi::BlockReader reader(block);
  for (uwsgi::Variable variable; reader.next(variable) == uwsgi::BlockReader::Step::variable;) {
    CHECK(result.emplace(variable.name, variable.value).second);
  }
  return result;
}

Variables variables_of(FakeRequest& fake, std::string_view script_name = "",
                       std::optional<std::uint64_t> content_length = std::nullopt) {
  std::string block(uwsgi::kMaxBlock, '\0');
  uwsgi::BlockWriter writer(block.data(), block.size());
  uwsgi::add_vars(fake.request, script_name, content_length, writer);
  REQUIRE_FALSE(writer.overflowed());
  return read_block(std::string_view(block).substr(0, writer.size()));
}

}  // namespace

TEST_CASE("a plain request has the variables that CGI names, and no others") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/caf%C3%A9?a=%20b", {{"Host", "Example.com:80"}, {"Accept", "*/*"}});
  CHECK(variables_of(fake) == Variables{{"REQUEST_METHOD", "GET"},
                                        {"SCRIPT_NAME", ""},
                                        {"PATH_INFO", "/caf\xc3\xa9"},
                                        {"QUERY_STRING", "a=%20b"},
                                        {"REQUEST_URI", "/caf%C3%A9?a=%20b"},
                                        {"SERVER_PROTOCOL", "HTTP/1.1"},
                                        {"SERVER_NAME", "example.com"},
                                        {"SERVER_PORT", "80"},
                                        {"REMOTE_ADDR", "127.0.0.1"},
                                        {"REMOTE_PORT", "50000"},
                                        {"REQUEST_SCHEME", "http"},
                                        {"REQUEST_ID", std::string(fake.request.id())},
                                        {"HTTP_HOST", "Example.com:80"},
                                        {"HTTP_ACCEPT", "*/*"}});
}

TEST_CASE("a verified user is told, and Authorization is passed on as it came") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/", {{"Authorization", "Basic YWRhOnNlY3JldA=="}});
  CHECK_FALSE(variables_of(fake).contains("REMOTE_USER"));
  fake.request.user = "ada";
  fake.request.auth_type = "Basic";
  const Variables variables = variables_of(fake);
  CHECK(variables.at("REMOTE_USER") == "ada");
  CHECK(variables.at("AUTH_TYPE") == "Basic");
  CHECK(variables.at("HTTP_AUTHORIZATION") == "Basic YWRhOnNlY3JldA==");
}

TEST_CASE("TLS, HTTP/1.0 and a body show in the variables") {
  Loop loop;
  FakeRequest fake(loop, "POST", "/", {{"Content-Type", "text/plain"}, {"Content-Length", "999"}});
  fake.request.version = HttpVersion::http10;
  fake.request.host = "";
  fake.connection.tls = true;
  const Variables variables = variables_of(fake, "", 12);
  CHECK(variables.at("HTTPS") == "on");
  CHECK(variables.at("REQUEST_SCHEME") == "https");
  CHECK(variables.at("SERVER_PROTOCOL") == "HTTP/1.0");
  fake.request.version = HttpVersion::http2;
  CHECK(variables_of(fake).at("SERVER_PROTOCOL") == "HTTP/2.0");
  CHECK(variables.at("SERVER_NAME") == "127.0.0.1");
  CHECK(variables.at("CONTENT_TYPE") == "text/plain");
  CHECK(variables.at("CONTENT_LENGTH") == "12");
  CHECK_FALSE(variables.contains("HTTP_CONTENT_TYPE"));
  CHECK_FALSE(variables.contains("HTTP_CONTENT_LENGTH"));
  CHECK_FALSE(variables.contains("HTTP_HOST"));
}

TEST_CASE("script name and path info are the two parts of the path") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/shop/cart");
  CHECK(variables_of(fake, "/shop").at("SCRIPT_NAME") == "/shop");
  CHECK(variables_of(fake, "/shop").at("PATH_INFO") == "/cart");
  CHECK(variables_of(fake).at("PATH_INFO") == "/shop/cart");
  fake.set_target("/shop");
  CHECK(variables_of(fake, "/shop").at("PATH_INFO").empty());
  fake.set_target("/shop/");
  CHECK(variables_of(fake, "/shop").at("PATH_INFO") == "/");
}

TEST_CASE("repeated fields are joined at the place of the first") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/",
                   {{"Cookie", "a=1"},
                    {"X-Forwarded-For", "192.0.2.1"},
                    {"X-Tag", "one"},
                    {"cookie", "b=2"},
                    {"x-tag", ""},
                    {"X-FORWARDED-FOR", "192.0.2.2"},
                    {"X-TAG", "three"},
                    {"X-Gat", "other"}});
  const Variables variables = variables_of(fake);
  CHECK(variables.at("HTTP_COOKIE") == "a=1; b=2");
  CHECK(variables.at("HTTP_X_FORWARDED_FOR") == "192.0.2.1, 192.0.2.2");
  CHECK(variables.at("HTTP_X_TAG") == "one, , three");
  CHECK(variables.at("HTTP_X_GAT") == "other");
}

TEST_CASE("empty repeated fields are one variable") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/", {{"X-Tag", ""}, {"X-Tag", ""}, {"Accept", ""}});
  const Variables variables = variables_of(fake);
  CHECK(variables.at("HTTP_X_TAG") == ", ");
  CHECK(variables.at("HTTP_ACCEPT").empty());
}

TEST_CASE("a header that would pose as another, or as a setting, is left out") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/",
                   {{"X_Real_IP", "127.0.0.1"},
                    {"Proxy", "http://192.0.2.66:8080"},
                    {"pROXY", "http://192.0.2.66:8080"},
                    {"Content_Length", "7"},
                    {"X.Dot", "1"},
                    {"X Space", "1"},
                    {"X-\xe4", "1"},
                    {"", "1"},
                    {"Transfer-Encoding", "chunked"},
                    {"X-Real-IP", "192.0.2.9"}});
  const Variables variables = variables_of(fake);
  CHECK(variables.at("HTTP_X_REAL_IP") == "192.0.2.9");
  for (const auto& [name, value] : variables) {
    CAPTURE(name);
    CHECK((!name.starts_with("HTTP_") || name == "HTTP_X_REAL_IP"));
  }
}

TEST_CASE("a name of any length is spelled whole") {
  Loop loop;
  FakeRequest fake(loop);
  const std::string tail(5'000, 'a');
  fake.add_header("X-" + tail, "long");
  CHECK(variables_of(fake).at("HTTP_X_" + std::string(5'000, 'A')) == "long");
}

TEST_CASE("a unix socket has a server name and a port all the same") {
  Loop loop;
  FakeRequest fake(loop);
  fake.connection.local = fake.connection.remote = Address{};
  fake.request.host = "";
  Variables variables = variables_of(fake);
  CHECK(variables.at("SERVER_NAME") == "localhost");
  CHECK(variables.at("SERVER_PORT") == "80");
  CHECK(variables.at("REMOTE_ADDR") == "unix:");
  CHECK_FALSE(variables.contains("REMOTE_PORT"));
}

TEST_CASE("what a trusted proxy has told is the client's in the variables") {
  Loop loop;
  FakeRequest fake(loop);
  fake.request.host = "shop.example";
  fake.request.forwarded.client = *Address::from_ip("192.0.2.1");
  fake.request.forwarded.https = true;
  Variables variables = variables_of(fake);
  CHECK(variables.at("REMOTE_ADDR") == "192.0.2.1");
  CHECK(variables.at("REMOTE_PORT") == "0");
  CHECK(variables.at("REQUEST_SCHEME") == "https");
  CHECK(variables.at("HTTPS") == "on");
  CHECK(variables.at("SERVER_NAME") == "shop.example");
  CHECK(variables.at("SERVER_PORT") == "443");
  fake.request.forwarded.port = 8443;
  fake.request.forwarded.client.port = 4711;
  fake.connection.tls = true;
  fake.request.forwarded.https = false;
  variables = variables_of(fake);
  CHECK(variables.at("REMOTE_PORT") == "4711");
  CHECK(variables.at("SERVER_PORT") == "8443");
  CHECK_FALSE(variables.contains("HTTPS"));
}

TEST_CASE("a block that is too small overflows at every size, and never beyond its end") {
  Loop loop;
  FakeRequest fake(loop, "POST", "/a?b", {{"Host", "example.com"}, {"X-A", "1"}, {"X-A", "2"}});
  std::string whole(uwsgi::kMaxBlock, '\0');
  uwsgi::BlockWriter measure(whole.data(), whole.size());
  uwsgi::add_vars(fake.request, "", 3, measure);
  for (std::size_t size = 0; size < measure.size(); ++size) {
    const std::unique_ptr<char[]> exact(new char[size + 1]);
    exact[size] = '!';
    uwsgi::BlockWriter writer(exact.get(), size);
    uwsgi::add_vars(fake.request, "", 3, writer);
    if (!writer.overflowed() || exact[size] != '!') FAIL(size);
  }
}

TEST_CASE("a hundred fields, all of one hash, stay a hundred variables") {
  Loop loop;
  FakeRequest fake(loop);
  for (int i = 0; i < 100; ++i) {
    fake.add_header("X" + std::to_string(100 + i) + "aa-aa" + std::to_string(100 + i) + "X", std::to_string(i));
  }
  const Variables variables = variables_of(fake);
  CHECK(variables.at("HTTP_X142AA_AA142X") == "42");
  CHECK(variables.size() == 112);
}
