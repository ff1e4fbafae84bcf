// Header rules: adding, replacing, removing, and values that would begin another header.
#include "core/filters/header_rules.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/fake_request.h"

using namespace edge;
using edge::test::FakeRequest;

namespace {

HeaderRule rule(std::string name, std::string_view value) {
  return {std::move(name), *Template::compile(value)};
}

std::string lines_of(const Response& response) {
  std::string lines;
  for (const HeaderField& field : response.headers) {
    lines.append(field.name).append(": ").append(field.value).append("\n");
  }
  return lines;
}

}  // namespace

TEST_CASE("a rule adds its field, and replaces what the answer has under that name") {
  Loop loop;
  const FakeRequest fake(loop, "GET", "/a");
  Response response(fake.request.arena);
  response.headers.add("x-frame-options", "ALLOW");
  response.headers.add(HeaderName::content_type, "text/html");
  const std::vector rules = {rule("X-Frame-Options", "DENY"), rule("X-Path", "at $uri"), rule("X-Path", "last")};
  apply_header_rules(rules, fake.request, response);
  CHECK(lines_of(response) == "Content-Type: text/html\nX-Frame-Options: DENY\nX-Path: last\n");
}

TEST_CASE("lists grow instead") {
  Loop loop;
  const FakeRequest fake(loop);
  Response response(fake.request.arena);
  response.headers.add("Set-Cookie", "a=1");
  response.headers.add("Link", "</a>");
  const std::vector rules = {rule("set-cookie", "b=2"), rule("Link", "</b>")};
  apply_header_rules(rules, fake.request, response);
  CHECK(lines_of(response) == "Set-Cookie: a=1\nLink: </a>\nset-cookie: b=2\nLink: </b>\n");
}

TEST_CASE("a rule without a value removes, one that renders to nothing changes nothing") {
  Loop loop;
  const FakeRequest fake(loop);
  Response response(fake.request.arena);
  response.headers.add("X-Powered-By", "app");
  response.headers.add("x-powered-by", "again");
  response.headers.add(HeaderName::etag, "\"e\"");
  response.headers.add("X-Tenant", "app's");
  const std::vector rules = {HeaderRule{"X-Powered-By", std::nullopt}, HeaderRule{"ETag", std::nullopt},
                             rule("X-Tenant", "$arg_tenant")};
  apply_header_rules(rules, fake.request, response);
  CHECK(lines_of(response) == "X-Tenant: app's\n");
}

TEST_CASE("a value that the client sent cannot begin another header") {
  Loop loop;
  FakeRequest fake(loop);
  fake.request.path = "/a\r\nSet-Cookie: evil=1";
  Response response(fake.request.arena);
  const std::vector rules = {rule("X-Path", "$uri")};
  apply_header_rules(rules, fake.request, response);
  CHECK(lines_of(response) == "X-Path: /a%0D%0ASet-Cookie: evil=1\n");
}
