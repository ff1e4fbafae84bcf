// RedirectHandler: Location, and what a client may not make of it.
#include "core/http/redirect_handler.h"

#include <doctest/doctest.h>

#include <string>

#include "support/fake_request.h"

using namespace edge;
using edge::test::FakeRequest;
using edge::test::run;

namespace {

std::string location_for(FakeRequest& fake, std::string_view to, int status = 302) {
  RedirectHandler handler(*Template::compile(to), status);
  const Response response = run(fake.request.loop, handler.handle(fake.request));
  CHECK(response.status == status);
  return std::string(response.headers.get(HeaderName::location));
}

}  // namespace

TEST_CASE("Location is rendered for the request") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/old?a=1&b=%20");
  for (const int status : {301, 302, 303, 307, 308}) {
    CHECK(location_for(fake, "/new$is_args$args", status) == "/new?a=1&b=%20");
  }
  CHECK(location_for(fake, "https://$host$request_uri") == "https://example.com/old?a=1&b=%20");
  CHECK(location_for(fake, "//cdn.example.net$uri") == "//cdn.example.net/old");
}

TEST_CASE("a redirect has a small page for clients that do not follow") {
  Loop loop;
  FakeRequest fake(loop);
  RedirectHandler handler(*Template::compile("/x"), 308);
  const Response response = run(loop, handler.handle(fake.request));
  CHECK(std::get<std::string_view>(response.body).find("Permanent Redirect") != std::string_view::npos);
}

TEST_CASE("what a client sends cannot split the answer") {
  Loop loop;
  FakeRequest fake(loop);
  fake.request.path = "/a\r\nSet-Cookie: evil=1\r\n\r\n<script>\x7f";
  CHECK(location_for(fake, "/new$uri") == "/new/a%0D%0ASet-Cookie:%20evil=1%0D%0A%0D%0A%3Cscript%3E%7F");
}

TEST_CASE("what a client sends cannot name another host") {
  Loop loop;
  FakeRequest fake(loop);
  fake.request.target = "//evil.example/x";
  CHECK(location_for(fake, "$request_uri") == "/evil.example/x");
  fake.request.target = "////evil.example";
  CHECK(location_for(fake, "$request_uri") == "/evil.example");
  fake.request.target = "//";
  CHECK(location_for(fake, "$request_uri") == "/");
  fake.request.query = "next=/evil.example";
  CHECK(location_for(fake, "/$arg_next") == "/evil.example");
  fake.request.query = "next=\\evil.example";
  CHECK(location_for(fake, "/$arg_next") == "/%5Cevil.example");
}

TEST_CASE("a redirect that leads nowhere is not found") {
  Loop loop;
  FakeRequest fake(loop);
  RedirectHandler handler(*Template::compile("$arg_next"), 302);
  const Response response = run(loop, handler.handle(fake.request));
  CHECK(response.status == 404);
  CHECK(response.headers.find(HeaderName::location) == nullptr);
}
