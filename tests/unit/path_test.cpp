// Request targets and hosts: what becomes of them, what is refused, and what costs no memory.
#include "core/http/path.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using edge::Arena;
using edge::ErrorKind;
using edge::parse_host;
using edge::parse_target;

namespace {

bool points_into(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

std::string path_of(std::string_view target) {
  Arena arena;
  const auto parsed = parse_target(target, arena);
  return parsed ? std::string(parsed->path) : "refused";
}

std::string host_of(std::string_view authority) {
  Arena arena;
  const auto parsed = parse_host(authority, arena);
  return parsed ? std::string(*parsed) : "refused";
}

struct Pair {
  std::string_view given;
  std::string_view expected;
};

}  // namespace

TEST_CASE("path: what needs no rewriting stays where it is") {
  for (const std::string_view target : {"/", "/a", "/a/", "/a.b/c.css", "/a/b..c/d.", "/a\\..\\b", "/~user/x+y;z=1,2",
                                        "/\xff\xfe/\xc0\xae\xc0\xae/x"}) {
    CAPTURE(target);
    Arena arena;
    const auto parsed = parse_target(target, arena);
    REQUIRE(parsed);
    CHECK(parsed->path == target);
    CHECK(points_into(parsed->path, target));
    CHECK_FALSE(parsed->has_query);
    CHECK(parsed->authority.empty());
  }
}

TEST_CASE("path: escapes are decoded, dot segments and double slashes resolved") {
  for (const auto& [given, expected] : {
           Pair{"//", "/"},
           Pair{"///a//b///", "/a/b/"},
           Pair{"/.", "/"},
           Pair{"/./", "/"},
           Pair{"/a/.", "/a/"},
           Pair{"/a/./b", "/a/b"},
           Pair{"/a/..", "/"},
           Pair{"/a/../", "/"},
           Pair{"/a/b/..", "/a/"},
           Pair{"/a/b/../c", "/a/c"},
           Pair{"/a/b/../../c", "/c"},
           Pair{"/a//../b", "/b"},
           Pair{"/a/.//../b", "/b"},
           Pair{"/.a", "/.a"},
           Pair{"/..a/...", "/..a/..."},
           Pair{"/a./b../", "/a./b../"},
           Pair{"/%61%2Fb", "/a/b"},
           Pair{"/%2e%2e%2fa/..", "refused"},
           Pair{"/a/%2e%2e/b", "/b"},
           Pair{"/a/.%2E/b", "/b"},
           Pair{"/a%2f%2fb", "/a/b"},
           Pair{"/%2f%2fhost", "/host"},
           Pair{"/%25%32%65", "/%2e"},
           Pair{"/a%3fb%23c", "/a?b#c"},
           Pair{"/a%5c..%5cb", "/a\\..\\b"},
           Pair{"/%c0%ae%c0%ae/b", "/\xc0\xae\xc0\xae/b"},
           Pair{"/a%0d%0ab", "/a\r\nb"},
           Pair{"/a%20b", "/a b"},
           Pair{"/%2e", "/"},
       }) {
    CAPTURE(given);
    CHECK(path_of(given) == expected);
  }
}

TEST_CASE("path: what is refused") {
  for (const std::string_view target : {"",
                                        "a",
                                        "/..",
                                        "/../",
                                        "/../a",
                                        "/a/../..",
                                        "/a/../../b",
                                        "/%2e%2e",
                                        "/%2e%2e/etc/passwd",
                                        "/a/..%2f..",
                                        "/%",
                                        "/%2",
                                        "/a%",
                                        "/%zz",
                                        "/%2g",
                                        "/% 1",
                                        "/%00",
                                        "/a%00.css",
                                        "/a b",
                                        "/a\tb",
                                        "/a\x7f",
                                        "/a#b",
                                        "/a?b#c",
                                        "/a?b c",
                                        "/a?\x01",
                                        "example.com:443",
                                        "ftp://example.com/",
                                        "http:/a",
                                        "http://",
                                        "http:///a",
                                        "https://?a",
                                        "**",
                                        "*a",
                                        "http//a",
                                        "http://a b/"}) {
    CAPTURE(target);
    Arena arena;
    const auto parsed = parse_target(target, arena);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == ErrorKind::malformed);
    CHECK(parsed.error().side == edge::Side::client);
  }
  CHECK(path_of(std::string_view("/a\0b", 4)) == "refused");
}

TEST_CASE("path: the query is kept as it came") {
  Arena arena;
  const auto some = parse_target("/a/../b?x=%00//../&y?z", arena);
  REQUIRE(some);
  CHECK(some->path == "/b");
  CHECK(some->has_query);
  CHECK(some->query == "x=%00//../&y?z");
  const auto none = parse_target("/a?", arena);
  REQUIRE(none);
  CHECK(none->has_query);
  CHECK(none->query.empty());
}

TEST_CASE("path: absolute and asterisk forms") {
  Arena arena;
  const auto absolute = parse_target("HTTP://Example.com:81/a//b?c", arena);
  REQUIRE(absolute);
  CHECK(absolute->authority == "Example.com:81");
  CHECK(absolute->path == "/a/b");
  CHECK(absolute->query == "c");
  const auto bare = parse_target("https://example.com", arena);
  REQUIRE(bare);
  CHECK(bare->authority == "example.com");
  CHECK(bare->path == "/");
  CHECK_FALSE(bare->has_query);
  const auto only_query = parse_target("http://example.com?a/b", arena);
  REQUIRE(only_query);
  CHECK(only_query->path == "/");
  CHECK(only_query->query == "a/b");
  const auto asterisk = parse_target("*", arena);
  REQUIRE(asterisk);
  CHECK(asterisk->path == "*");
}

TEST_CASE("host: lower case, without port and root dot") {
  for (const auto& [given, expected] : {
           Pair{"example.com", "example.com"},
           Pair{"Example.COM:8080", "example.com"},
           Pair{"example.com:", "example.com"},
           Pair{"example.com.", "example.com"},
           Pair{"example.com.:80", "example.com"},
           Pair{"localhost", "localhost"},
           Pair{"my_host-1", "my_host-1"},
           Pair{"127.0.0.1:1", "127.0.0.1"},
           Pair{"[::1]:80", "[::1]"},
           Pair{"[2001:DB8::A]", "[2001:db8::a]"},
           Pair{"a:65535", "a"},
           Pair{"a:00080", "a"},
       }) {
    CAPTURE(given);
    CHECK(host_of(given) == expected);
  }
  Arena arena;
  const std::string_view lower = "example.com:80";
  CHECK(points_into(parse_host(lower, arena).value(), lower));
}

TEST_CASE("host: what is refused") {
  for (const std::string_view authority : {"",
                                           ":",
                                           ":80",
                                           ".",
                                           "..",
                                           "a..b",
                                           ".a",
                                           "a..",
                                           "a b",
                                           "a/b",
                                           "a\\b",
                                           "user@a",
                                           "a:b",
                                           "a:-1",
                                           "a:80:80",
                                           "a:65536",
                                           "a:99999999999999999999",
                                           "a,b",
                                           "a;b",
                                           "%61",
                                           "\xc3\xa4",
                                           "::1",
                                           "[::1",
                                           "[::1]a",
                                           "[::1]:x",
                                           "[]",
                                           "[::1%25lo]",
                                           "[v1.a]",
                                           "[127.0.0.1]",
                                           "a\x7f",
                                           "a\t",
                                           "a?",
                                           "a#"}) {
    CAPTURE(authority);
    CHECK(host_of(authority) == "refused");
  }
  CHECK(host_of(std::string(255, 'a')) == std::string(255, 'a'));
  CHECK(host_of(std::string(256, 'a')) == "refused");
  CHECK(host_of(std::string_view("a\0b", 3)) == "refused");
}

TEST_CASE("an app's path is decoded and normalised, and forgives what is not escaped") {
  Arena arena;
  const auto path = [&](std::string_view url) { return std::string(parse_app_path(url, arena).value_or("malformed")); };
  CHECK(path("/") == "/");
  CHECK(path("/a b/c#d?e%zz") == "/a b/c#d");
  CHECK(path("/a%20b%2fc/../d//./e/") == "/a b/d/e/");
  CHECK(path("/caf\xc3\xa9") == "/caf\xc3\xa9");
  for (const std::string_view url :
       {"", "a", "@a", "http://a/b", "/%", "/%4", "/%zz", "/a%00", "/..", "/a/../..", "/%2e%2e"}) {
    CAPTURE(url);
    CHECK(path(url) == "malformed");
  }
}

TEST_CASE("a file's path is normalised, and nothing in it is an escape") {
  Arena arena;
  const auto path = [&](std::string_view file) {
    return std::string(normalize_file_path(file, arena).value_or("malformed"));
  };
  CHECK(path("/") == "/");
  CHECK(path("/srv//a/./b/../c%20?d") == "/srv/a/c%20?d");
  CHECK(path("/srv/a/") == "/srv/a/");
  for (const std::string_view file : {"", "a", "./a", "/..", "/a/../../b"}) {
    CAPTURE(file);
    CHECK(path(file) == "malformed");
  }
}
