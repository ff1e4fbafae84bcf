// FastCgiCodec, the half that writes: parameters, scripts and content as records.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "proxy/fastcgi_codec.h"
#include "support/fake_request.h"
#include "support/fastcgi_records.h"

using namespace edge;
using namespace edge::test;

namespace {

struct Sending {
  explicit Sending(std::string_view method = "GET", std::string_view target = "/index.php")
      : fake(loop, "OPTIONS", "/client?own", {{"X-Client", "1"}}), request(fake.request) {
    request.method = fake.arena.copy(method);
    request.target = fake.arena.copy(target);
    request.host = "shop.example";
  }
  std::string written(std::string_view content = {}) {
    std::string out;
    REQUIRE(codec.write_head(request, out));
    while (!content.empty()) {
      const std::string_view part = content.substr(0, codec.most_content());
      codec.begin_content(part.size(), out);
      out += part;
      codec.end_content(part.size(), out);
      content.remove_prefix(part.size());
    }
    codec.finish_content(out);
    CHECK(out.size() % 8 == 0);
    return out;
  }
  std::map<std::string, std::string> variables() {
    const FastCgiRequest read(written());
    CHECK(read.whole);
    return read.variables;
  }

  Loop loop;
  FakeRequest fake;
  UpstreamRequest request;
  FastCgiSettings settings{.root = "/srv/php", .index = "index.php"};
  FastCgiCodec codec{HeadLimits{}, settings};
};

}  // namespace

TEST_CASE("a path is split at the first segment that ends in .php") {
  const auto split = [](std::string_view path, std::string_view index = "index.php") {
    const ScriptPath made = script_path(path, index);
    return made.script + " " + std::string(made.path_info);
  };
  CHECK(split("/index.php") == "/index.php ");
  CHECK(split("/index.php/") == "/index.php /");
  CHECK(split("/blog/index.php/2026/a.php/b") == "/blog/index.php /2026/a.php/b");
  CHECK(split("/a.php5/b.phpx/c.php/d") == "/a.php5/b.phpx/c.php /d");
  CHECK(split("/a.jpg/b.php") == "/a.jpg/b.php ");
  CHECK(split("/.php/x") == "/.php /x");
  CHECK(split("/index.php/a\nb") == "/index.php /a\nb");
  CHECK(split("/") == "/index.php ");
  CHECK(split("/blog/") == "/blog/index.php ");
  CHECK(split("/blog/", "") == "/blog/ ");
  CHECK(split("/blog") == "/blog ");
  CHECK(split("/a.PHP") == "/a.PHP ");
}

TEST_CASE("php is told of the script, and of what goes out") {
  Sending sending("POST", "/blog/index.php/2026%2Fa?b=c");
  sending.request.script_name = "/old";
  sending.request.has_content = true;
  sending.request.length = 5;
  sending.request.headers.add("Content-Type", "text/plain");
  sending.request.headers.add("Proxy", "http://192.0.2.66/");
  sending.request.headers.add("X_Forwarded_For", "192.0.2.66");
  sending.request.headers.add("X-Forwarded-For", "192.0.2.1");
  auto variables = sending.variables();
  CHECK(variables.at("REQUEST_ID") == sending.fake.request.id());
  variables.erase("REQUEST_ID");
  CHECK(variables == std::map<std::string, std::string>{{"GATEWAY_INTERFACE", "CGI/1.1"},
                                                        {"SERVER_SOFTWARE", "edge"},
                                                        {"REDIRECT_STATUS", "200"},
                                                        {"DOCUMENT_ROOT", "/srv/php"},
                                                        {"DOCUMENT_URI", "/old/blog/index.php/2026/a"},
                                                        {"SCRIPT_FILENAME", "/srv/php/blog/index.php"},
                                                        {"SCRIPT_NAME", "/old/blog/index.php"},
                                                        {"PATH_INFO", "/2026/a"},
                                                        {"QUERY_STRING", "b=c"},
                                                        {"REQUEST_URI", "/old/blog/index.php/2026%2Fa?b=c"},
                                                        {"REQUEST_METHOD", "POST"},
                                                        {"SERVER_PROTOCOL", "HTTP/1.1"},
                                                        {"SERVER_NAME", "shop.example"},
                                                        {"SERVER_ADDR", "127.0.0.1"},
                                                        {"SERVER_PORT", "80"},
                                                        {"REMOTE_ADDR", "127.0.0.1"},
                                                        {"REMOTE_PORT", "50000"},
                                                        {"REQUEST_SCHEME", "http"},
                                                        {"CONTENT_TYPE", "text/plain"},
                                                        {"CONTENT_LENGTH", "5"},
                                                        {"HTTP_HOST", "shop.example"},
                                                        {"HTTP_X_FORWARDED_FOR", "192.0.2.1"}});
}

TEST_CASE("a front controller is told what the client asked for, though `try` leads to its script") {
  Sending sending("GET", "/index.php?from=try");
  sending.fake.set_target("/2026/caf%C3%A9?page=2");
  sending.fake.request.path = "/index.php";
  auto variables = sending.variables();
  CHECK(variables.at("REQUEST_URI") == "/2026/caf%C3%A9?page=2");
  CHECK(variables.at("SCRIPT_NAME") == "/index.php");
  CHECK(variables.at("QUERY_STRING") == "from=try");
  sending.fake.set_target("http://shop.example/2026");
  sending.fake.request.path = "/index.php";
  CHECK(sending.variables().at("REQUEST_URI") == "/index.php?from=try");
}

TEST_CASE("nothing in a path leaves the root") {
  for (const std::string_view target :
       {"/a/../../x.php", "/%2e%2e/x.php", "/..%2fx.php", "/a%00.php", "*", "", "/a b"}) {
    CAPTURE(target);
    Sending sending("GET", target);
    std::string out;
    const Result<void> result = sending.codec.write_head(sending.request, out);
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == ErrorKind::malformed);
    CHECK(out.empty());
  }
  CHECK(Sending("GET", "/a/../x.php").variables().at("SCRIPT_FILENAME") == "/srv/php/x.php");
  CHECK(Sending("GET", "/a/").variables().at("SCRIPT_FILENAME") == "/srv/php/a/index.php");
}

TEST_CASE("records come in their order, and the connection stays when it is to be kept") {
  Sending none;
  FastCgiRequest read(none.written());
  CHECK(read.order == "bpp.i.");
  CHECK(read.begin == std::string("\0\1\1\0\0\0\0\0", 8));
  none.request.keep_alive = false;
  CHECK(FastCgiRequest(none.written()).begin == std::string("\0\1\0\0\0\0\0\0", 8));

  Sending some("POST");
  some.request.has_content = true;
  some.request.length = 5;
  read = FastCgiRequest(some.written("hello"));
  CHECK(read.whole);
  CHECK(read.order == "bpp.ii.");
  CHECK(read.content == "hello");
}

TEST_CASE("content and parameters that are larger than a record go in several") {
  Sending sending("POST");
  const std::string content(150'000, 'c');
  sending.request.has_content = true;
  sending.request.length = content.size();
  sending.request.headers.add("X-Short", std::string_view("abcdefghij"));
  const std::string value(59'000, 'v');
  const std::string other(5'000, 'w');
  sending.request.headers.add("X-Long", value);
  sending.request.headers.add("X-Other", other);
  const FastCgiRequest read(sending.written(content));
  CHECK(read.whole);
  CHECK(read.order == "bpp.iiii.");
  CHECK(read.content == content);
  CHECK(read.variables.at("HTTP_X_LONG") == value);
  CHECK(read.variables.at("HTTP_X_OTHER") == other);
  CHECK(sending.codec.needs_length());
}

TEST_CASE("a stream is cut into records whatever its size") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{127}, std::size_t{128},
                                 std::size_t{65'528}, std::size_t{65'529}, std::size_t{200'000}}) {
    CAPTURE(size);
    std::string parameters;
    fastcgi::append_parameter("NAME", std::string(size, 'v'), parameters);
    std::string bytes;
    fastcgi::append_stream(fastcgi::Type::params, parameters, bytes);
    const FastCgiRequest read(bytes);
    CHECK(read.whole);
    CHECK(read.variables.at("NAME") == std::string(size, 'v'));
  }
}

TEST_CASE("a request with too many variables is refused") {
  Sending sending;
  const std::string value(33'000, 'a');
  sending.request.headers.add("X-A", value);
  sending.request.headers.add("X-B", value);
  std::string out;
  const Result<void> result = sending.codec.write_head(sending.request, out);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == ErrorKind::headers_too_large);
  CHECK(out.empty());
}
