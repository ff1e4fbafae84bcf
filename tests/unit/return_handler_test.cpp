// ReturnHandler: status, type and body as configured.
#include "core/http/return_handler.h"

#include <doctest/doctest.h>

#include "support/fake_request.h"

using namespace edge;
using edge::test::FakeRequest;
using edge::test::run;

namespace {
std::string_view bytes_of(const Response& response) {
  const auto* bytes = std::get_if<std::string_view>(&response.body);
  return bytes ? *bytes : std::string_view();
}
}  // namespace

TEST_CASE("a configured answer has its status, type and body") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/healthz");
  ReturnHandler handler(200, *Template::compile("ok\n"), "text/plain");
  const Response response = run(loop, handler.handle(fake.request));
  CHECK(response.status == 200);
  CHECK(bytes_of(response) == "ok\n");
  CHECK(response.headers.get(HeaderName::content_type) == "text/plain");
}

TEST_CASE("variables in the body are rendered for each request") {
  Loop loop;
  ReturnHandler handler(418, *Template::compile("{\"uri\": \"$uri\"}"), "application/json");
  FakeRequest first(loop, "POST", "/a");
  FakeRequest second(loop, "PUT", "/b");
  const Response a = run(loop, handler.handle(first.request));
  const Response b = run(loop, handler.handle(second.request));
  CHECK(a.status == 418);
  CHECK(bytes_of(a) == "{\"uri\": \"/a\"}");
  CHECK(bytes_of(b) == "{\"uri\": \"/b\"}");
}

TEST_CASE("an empty body has no type") {
  Loop loop;
  FakeRequest fake(loop);
  ReturnHandler handler(204, Template(), "text/plain");
  const Response response = run(loop, handler.handle(fake.request));
  CHECK(response.status == 204);
  CHECK(bytes_of(response).empty());
  CHECK(response.headers.size() == 0);
}
