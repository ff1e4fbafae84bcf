// From a request's path to a path below a directory, by kind of route.
#include "static/route_mapping.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>

using edge::RouteMapping;
using edge::RoutePath;
using Kind = edge::RoutePath::Kind;

namespace {

struct Row {
  std::string_view path;
  std::string_view stripped;
  std::string_view kept;
};

void check_rows(Kind kind, const std::string& route, std::initializer_list<Row> rows) {
  RoutePath path;
  path.kind = kind;
  path.path = route;
  const RouteMapping strip(path, true, false);
  const RouteMapping keep(path, false, false);
  for (const Row& row : rows) {
    CAPTURE(route);
    CAPTURE(row.path);
    CHECK(strip.relative(row.path).value_or("nothing") == row.stripped);
    CHECK(keep.relative(row.path).value_or("nothing") == row.kept);
    edge::Arena arena;
    if (row.stripped != "nothing" && !row.stripped.empty()) CHECK(strip.path_of(row.stripped, arena) == row.path);
    if (row.kept != "nothing" && !row.kept.empty()) CHECK(keep.path_of(row.kept, arena) == row.path);
  }
}

}  // namespace

TEST_CASE("route mapping: prefixes with a slash at the end") {
  for (const Kind kind : {Kind::prefix, Kind::strong_prefix}) {
    check_rows(
        kind, "/static/",
        {{"/static/", "", "static/"}, {"/static/a.css", "a.css", "static/a.css"}, {"/static/a/", "a/", "static/a/"}});
    check_rows(kind, "/", {{"/", "", ""}, {"/a", "a", "a"}, {"/a/b", "a/b", "a/b"}});
  }
}

TEST_CASE("route mapping: prefixes and mounts that end inside a path") {
  for (const Kind kind : {Kind::prefix, Kind::mount}) {
    check_rows(
        kind, "/docs",
        {{"/docs", "", "docs"}, {"/docs/", "", "docs/"}, {"/docs/a", "a", "docs/a"}, {"/docs/a/b", "a/b", "docs/a/b"}});
  }
  check_rows(Kind::prefix, "/docs", {{"/docsify", "nothing", "docsify"}, {"/docs../x", "nothing", "docs../x"}});
  check_rows(Kind::mount, "/", {{"/", "", ""}, {"/a", "a", "a"}});
}

TEST_CASE("route mapping: an exact route strips the folders of its name") {
  check_rows(Kind::exact, "/a/b.txt", {{"/a/b.txt", "b.txt", "a/b.txt"}});
  check_rows(Kind::exact, "/favicon.ico", {{"/favicon.ico", "favicon.ico", "favicon.ico"}});
  check_rows(Kind::exact, "/", {{"/", "", ""}});
}

TEST_CASE("route mapping: a pattern strips nothing") {
  check_rows(Kind::pattern, R"(\.css$)", {{"/a/b.css", "a/b.css", "a/b.css"}, {"/b.css", "b.css", "b.css"}});
}

TEST_CASE("route mapping: hidden segments, unless the route names them") {
  check_rows(Kind::prefix, "/",
             {{"/.git/config", "nothing", "nothing"},
              {"/a/.b", "nothing", "nothing"},
              {"/a.b/c.", "a.b/c.", "a.b/c."},
              {"/.a/", "nothing", "nothing"},
              {"/...", "nothing", "nothing"}});
  check_rows(Kind::prefix, "/.well-known/",
             {{"/.well-known/a", "a", ".well-known/a"}, {"/.well-known/.a", "nothing", "nothing"}});
  check_rows(Kind::prefix, "/.well-known",
             {{"/.well-known/a", "a", ".well-known/a"}, {"/.well-known-too", "nothing", "nothing"}});
  check_rows(Kind::mount, "/.well-known",
             {{"/.well-known/a", "a", ".well-known/a"}, {"/.well-known/.a", "nothing", "nothing"}});
  check_rows(Kind::exact, "/.env", {{"/.env", ".env", ".env"}});
  check_rows(Kind::pattern, "x", {{"/.x", "nothing", "nothing"}, {"/a/.x/b", "nothing", "nothing"}});

  RoutePath all;
  all.path = "/";
  CHECK(RouteMapping(all, true, true).relative("/.git/config") == ".git/config");
}

TEST_CASE("route mapping: .well-known at the top of the request's path is no hidden segment") {
  check_rows(Kind::prefix, "/",
             {{"/.well-known", ".well-known", ".well-known"},
              {"/.well-known/", ".well-known/", ".well-known/"},
              {"/.well-known/acme-challenge/a", ".well-known/acme-challenge/a", ".well-known/acme-challenge/a"},
              {"/.well-known/.git", "nothing", "nothing"},
              {"/.well-known/a/.env", "nothing", "nothing"},
              {"/.well-known/.well-known/a", "nothing", "nothing"},
              {"/.well-known-too/a", "nothing", "nothing"},
              {"/.Well-Known/a", "nothing", "nothing"},
              {"/.well", "nothing", "nothing"},
              {"/a/.well-known/b", "nothing", "nothing"}});
  check_rows(Kind::pattern, "x", {{"/.well-known/x", ".well-known/x", ".well-known/x"}});
  check_rows(Kind::prefix, "/static/", {{"/static/.well-known/a", "nothing", "nothing"}});
  check_rows(Kind::prefix, "/.well", {{"/.well-known/.a", "nothing", "nothing"}});
  RoutePath elsewhere;
  elsewhere.path = "/a/";
  const RouteMapping mapping(elsewhere, true, false);
  CHECK(mapping.relative_of_named("/.well-known/b") == ".well-known/b");
  CHECK_FALSE(mapping.relative_of_named("/.well-known/.b"));
}

TEST_CASE("route mapping: of a path that configuration names, only what begins as the route does is spared") {
  const auto named = [](Kind kind, std::string_view route, bool strip, std::string_view path) {
    RoutePath of;
    of.kind = kind;
    of.path = route;
    return RouteMapping(of, strip, false).relative_of_named(path).value_or("nothing");
  };
  for (const bool strip : {true, false}) {
    CAPTURE(strip);
    for (const std::string_view hidden : {"/.env", "/.git/config", "/a/.env", "/download/.env", "/kept/.env"}) {
      CAPTURE(hidden);
      CHECK(named(Kind::exact, "/download", strip, hidden) == "nothing");
      CHECK(named(Kind::exact, "/a/long/name.txt", strip, hidden) == "nothing");
      CHECK(named(Kind::prefix, "/kept/", strip, hidden) == "nothing");
      CHECK(named(Kind::strong_prefix, "/a/very/long/prefix", strip, hidden) == "nothing");
      CHECK(named(Kind::mount, "/kept", strip, hidden) == "nothing");
      CHECK(named(Kind::pattern, "x", strip, hidden) == "nothing");
    }
    CHECK(named(Kind::prefix, "/.well-known/", strip, "/.env/aaaaaaaaaaaa") == "nothing");
    CHECK(named(Kind::prefix, "/kept/", strip, "/other/a") == "other/a");
    CHECK(named(Kind::exact, "/.env", strip, "/.env") == ".env");
    CHECK(named(Kind::exact, "/.env", strip, "/.env/.a") == "nothing");
  }
  CHECK(named(Kind::prefix, "/.well-known/", true, "/.well-known/a") == "a");
  CHECK(named(Kind::prefix, "/.well-known/", false, "/.well-known/a") == ".well-known/a");
  CHECK(named(Kind::exact, "/download", true, "/download/a") == "download/a");
}

TEST_CASE("route mapping: what is no path, or not the route's, is nothing") {
  check_rows(Kind::prefix, "/a/", {{"*", "nothing", "nothing"}, {"", "nothing", "nothing"}});
  RoutePath route;
  route.path = "/a/";
  CHECK_FALSE(RouteMapping(route, true, false).relative("/b").has_value());
}

TEST_CASE("route mapping: a file has no path when the route would not look there") {
  edge::Arena arena;
  RoutePath path;
  path.path = "/static/";
  CHECK_FALSE(RouteMapping(path, true, false).path_of(".hidden", arena));
  CHECK_FALSE(RouteMapping(path, true, false).path_of("a/.hidden", arena));
  CHECK(RouteMapping(path, true, true).path_of(".hidden", arena) == "/static/.hidden");
}
