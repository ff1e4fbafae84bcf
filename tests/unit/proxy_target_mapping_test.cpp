// TargetMapping: the client's own bytes where they mean the path of the route and nothing else; else that path anew.
#include "proxy/target_mapping.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>

#include "support/fake_request.h"

using namespace edge;
using namespace edge::test;

namespace {

std::string mapped(std::string_view route, std::optional<std::string> replacement, std::string_view target) {
  Loop loop;
  FakeRequest fake(loop, "GET", target);
  const TargetMapping mapping({RoutePath::Kind::prefix, std::string(route), nullptr}, std::move(replacement));
  return std::string(mapping.target(fake.request, fake.arena));
}

}  // namespace

TEST_CASE("without a replacement a target goes on as it came, unless it means another path") {
  CHECK(mapped("/app/", {}, "/app/a") == "/app/a");
  CHECK(mapped("/app/", {}, "/app/a%20b%2Fc?d=%2F") == "/app/a%20b%2Fc?d=%2F");
  CHECK(mapped("/app/", {}, "/app/x/../a?b") == "/app/a?b");
  CHECK(mapped("/app/", {}, "/app//a") == "/app/a");
  CHECK(mapped("/app/", {}, "http://host/app/a?b") == "/app/a?b");
}

TEST_CASE("a prefix is replaced, with one slash between what stays of both") {
  CHECK(mapped("/app/", "/", "/app/a/b") == "/a/b");
  CHECK(mapped("/app/", "/", "/app/") == "/");
  CHECK(mapped("/app/", "/new", "/app/a") == "/new/a");
  CHECK(mapped("/app/", "/new/", "/app/a") == "/new/a");
  CHECK(mapped("/app", "/new/", "/app/a") == "/new/a");
  CHECK(mapped("/app", "/new", "/app") == "/new");
  CHECK(mapped("/app", "", "/app/a?") == "/a?");
  CHECK(mapped("/app/", "/", "/app/a?b=/app/") == "/a?b=/app/");
}

TEST_CASE("escapes behind the prefix stay as they are, and may stand in it") {
  CHECK(mapped("/app/", "/", "/app/%61%2Fb%25") == "/%61%2Fb%25");
  CHECK(mapped("/app/", "/", "/%61pp/a%20b") == "/a%20b");
  CHECK(mapped("/a b/", "/", "/a%20b/c") == "/c");
  CHECK(mapped("/app/", "/", "/x/../app/a%20b?c") == "/a%20b?c");
  CHECK(mapped("/app/", "/", "/app/%2525") == "/%2525");
}
