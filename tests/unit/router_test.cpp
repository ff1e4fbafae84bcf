// Routing: nginx's precedence of hosts and paths, as tables.
#include "core/http/router.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using edge::Pattern;
using edge::Route;
using edge::RoutePath;
using edge::Router;
using edge::Site;
using Kind = edge::RoutePath::Kind;

namespace {

void add_route(Site& site, Kind kind, std::string path, bool ignore_case = false) {
  Route& route = site.routes.emplace_back();
  route.path.kind = kind;
  if (kind == Kind::pattern) {
    route.path.pattern = std::make_shared<const Pattern>(Pattern::compile(path, ignore_case).value());
  }
  route.path.path = std::move(path);
}

/// The route's path as it was given to add_route; two kinds may share one path, so the kind's sign stands before it.
std::string chosen(const Site& site, std::string_view path) {
  const Route* route = site.route_for(path);
  if (!route) return "none";
  constexpr const char* kSigns[] = {"", "= ", "^~ ", "~ ", "mount "};
  return kSigns[static_cast<int>(route->path.kind)] + route->path.path;
}

struct Row {
  std::string_view path;
  std::string_view expected;
};

void check_rows(const Site& site, std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CHECK(chosen(site, row.path) == row.expected);
  }
}

struct NamedSite {
  std::vector<std::string> hosts;
  bool is_default = false;
};

Router router_of(const std::vector<NamedSite>& named) {
  std::vector<std::unique_ptr<Site>> sites;
  for (const NamedSite& each : named) {
    auto site = std::make_unique<Site>();
    site->hosts = each.hosts;
    site->is_default = each.is_default;
    sites.push_back(std::move(site));
  }
  return Router(std::move(sites));
}

}  // namespace

TEST_CASE("router: exact, then strong prefix, then patterns in order, then the longest prefix") {
  Site site;
  add_route(site, Kind::prefix, "/");
  add_route(site, Kind::prefix, "/images/");
  add_route(site, Kind::strong_prefix, "/images/raw/");
  add_route(site, Kind::prefix, "/images/raw/thumbs/");
  add_route(site, Kind::pattern, R"(\.(gif|jpg)$)", true);
  add_route(site, Kind::pattern, "^/images/");
  add_route(site, Kind::prefix, "/docs/");
  add_route(site, Kind::exact, "/");
  add_route(site, Kind::exact, "/images/raw/a.gif");
  check_rows(site, {
                       {"/", "= /"},
                       {"/x", "/"},
                       {"/docs", "/"},
                       {"/docs/", "/docs/"},
                       {"/docs/a", "/docs/"},
                       {"/docs/a.JPG", R"(~ \.(gif|jpg)$)"},
                       {"/images/a.gif", R"(~ \.(gif|jpg)$)"},
                       {"/images/a.css", "~ ^/images/"},
                       {"/images/raw/b.gif", "^~ /images/raw/"},
                       {"/images/raw/a.gif", "= /images/raw/a.gif"},
                       {"/images/raw/thumbs/a.gif", R"(~ \.(gif|jpg)$)"},  // the longest prefix is a plain one
                       {"/images/raw/thumbs/a", "~ ^/images/"},
                       {"*", "none"},
                   });
}

TEST_CASE("router: a prefix is bytes, a mount is whole segments") {
  Site site;
  add_route(site, Kind::mount, "/shop");
  add_route(site, Kind::prefix, "/st");
  add_route(site, Kind::mount, "/shop/admin");
  add_route(site, Kind::prefix, "/shop/admin/x");
  check_rows(site, {
                       {"/shop", "mount /shop"},
                       {"/shop/", "mount /shop"},
                       {"/shop/a", "mount /shop"},
                       {"/shopping", "none"},
                       {"/shop.html", "none"},
                       {"/static", "/st"},
                       {"/st", "/st"},
                       {"/s", "none"},
                       {"/shop/admin", "mount /shop/admin"},
                       {"/shop/administrator", "mount /shop"},
                       {"/shop/admin/a", "mount /shop/admin"},
                       {"/shop/admin/xyz", "/shop/admin/x"},
                   });
}

TEST_CASE("router: a mount yields to patterns, and competes with prefixes by its length") {
  Site site;
  add_route(site, Kind::mount, "/");
  add_route(site, Kind::prefix, "/a/");
  add_route(site, Kind::mount, "/a");
  add_route(site, Kind::pattern, R"(\.php$)");
  check_rows(site, {
                       {"/", "mount /"},
                       {"/b", "mount /"},
                       {"/a", "mount /a"},
                       {"/a/b", "/a/"},
                       {"/a.php", R"(~ \.php$)"},
                   });
}

TEST_CASE("router: of equal prefixes the first wins, and without routes there is none") {
  Site site;
  check_rows(site, {{"/", "none"}});
  add_route(site, Kind::strong_prefix, "/a");
  add_route(site, Kind::prefix, "/a");
  check_rows(site, {{"/a", "^~ /a"}, {"/", "none"}});
}

TEST_CASE("router: exact host, then the longest wildcard, then the default site") {
  const Router router = router_of(
      {{{"example.com", "www.example.com"}}, {{"*.example.com"}}, {{"*.img.example.com", "[::1]"}}, {{}}, {{}}});
  const auto number = [&](std::string_view host) {
    const Site* site = router.site_for(host);
    REQUIRE(site);
    if (site->hosts.empty()) return std::string("default");
    return site->hosts.front();
  };
  CHECK(number("example.com") == "example.com");
  CHECK(number("www.example.com") == "example.com");
  CHECK(number("a.example.com") == "*.example.com");
  CHECK(number("img.example.com") == "*.example.com");
  CHECK(number("a.b.img.example.com") == "*.img.example.com");
  CHECK(number("[::1]") == "*.img.example.com");
  CHECK(number(".example.com") == "default");
  CHECK(number("badexample.com") == "default");
  CHECK(number("example.org") == "default");
  CHECK(number("") == "default");
}

TEST_CASE("router: which site is the default") {
  const Router said = router_of({{{}}, {{"a.example"}, true}, {{"b.example"}}});
  CHECK(said.site_for("nobody.example")->hosts == std::vector<std::string>{"a.example"});
  CHECK(said.site_for("b.example")->hosts == std::vector<std::string>{"b.example"});
  CHECK(said.first().hosts.empty());

  const Router nobody = router_of({{{"a.example"}}, {{"b.example"}}});
  CHECK(nobody.site_for("nobody.example") == nullptr);
  CHECK(nobody.site_for("") == nullptr);
}

TEST_CASE("router: of two sites with one name the first answers") {
  const Router router = router_of({{{"same.example", "first.example"}}, {{"same.example"}}});
  CHECK(router.site_for("same.example") == &router.first());
}
