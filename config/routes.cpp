// Routes: where they are, and what they inherit.
#include "config/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "config/access.h"
#include "config/answers.h"
#include "config/auth_request.h"
#include "config/basic_auth.h"
#include "config/limits.h"
#include "config/process.h"
#include "config/values.h"

namespace edge::config {
namespace {

struct Sign {
  std::string_view text;
  RoutePath::Kind kind;
  bool ignore_case;
};
// A longer sign stands before one that it begins with.
constexpr Sign kSigns[] = {
    {"~*", RoutePath::Kind::pattern, true},        {"~", RoutePath::Kind::pattern, false},
    {"^~", RoutePath::Kind::strong_prefix, false}, {"=", RoutePath::Kind::exact, false},
    {"", RoutePath::Kind::prefix, false},
};

bool compile_pattern(Loading& loading, const Node& node, std::size_t offset, bool ignore_case, const std::string& path,
                     RoutePath& to) {
  auto pattern = Pattern::compile(to.path, ignore_case);
  if (!pattern) {
    loading.problems.add(node.place_in_text(offset + pattern.error().offset), path,
                         fmt::format("{} is no pattern: {}", quoted(to.path), pattern.error().message));
    return false;
  }
  to.pattern = std::make_shared<const Pattern>(std::move(*pattern));
  return true;
}

std::optional<RoutePath> parse_mount(const Section& section, const Node& node) {
  RoutePath mount;
  mount.kind = RoutePath::Kind::mount;
  if (node.kind != Node::Kind::scalar) {
    section.refuse("mount", node);
    return std::nullopt;
  }
  const std::string& text = node.text;
  if (const char* why = why_unreachable(text)) {
    section.problem("mount", why);
    return std::nullopt;
  }
  if (text.ends_with('/')) {
    section.problem("mount", text == "/" ? "to mount at the root, use `path: /`"
                                         : "a mount is written without the final slash: `/shop`");
    return std::nullopt;
  }
  mount.path = text;
  return mount;
}

/// Either `path` or `mount`.
std::optional<RoutePath> read_route_path(const Section& section) {
  const Node* path = section.given("path");
  const Node* mount = section.given("mount");
  if (path && mount) {
    section.problem("mount", "a route has a `path` or a `mount`, not both; remove one");
    return std::nullopt;
  }
  if (mount) return parse_mount(section, *mount);
  if (!path) {
    section.missing({}, "the path is missing; give `path` or `mount`");
    return std::nullopt;
  }
  if (path->kind != Node::Kind::scalar) {
    section.refuse("path", *path);
    return std::nullopt;
  }
  return parse_route_path(section.loading(), *path, section.path_of("path"));
}

Route load_route(const Section& section, const Site& site, const RouteContext& context) {
  Route route = inherit_route(site, section.place());
  if (auto path = read_route_path(section)) route.path = std::move(*path);
  read_exchange_settings(section, route.http);
  read_headers(section, route.headers);
  read_error_pages(section, route.error_pages);
  route.access = read_access(section, "access_log", site.access, context.access_base);
  section.read("internal", route.internal);
  read_expires(section, route.expires);
  read_guarding(section, context.lists, route.guarding);
  read_limits(section, limit_scope(site, section), route.limits);
  route.basic_auth = read_basic_auth(section, site.basic_auth);
  route.auth_request = read_auth_request(section, context.upstreams, site.auth_request);
  read_handler(section, context, route);
  return route;
}

/// Reports routes that are never reached because an earlier one has their path.
class PathClashes {
 public:
  void check(const Section& section, const Route& route) {
    if (route.path.path.empty()) return;  // reported already
    // A prefix and a strong prefix of the same path are one and the same to the router.
    const RoutePath::Kind kind =
        route.path.kind == RoutePath::Kind::strong_prefix ? RoutePath::Kind::prefix : route.path.kind;
    const Node* path = section.given("path");
    const bool any_case = kind == RoutePath::Kind::pattern && path && path->text.starts_with("~*");
    const auto [earlier, is_new] = seen_.try_emplace({kind, any_case, route.path.path}, section.place());
    if (is_new) return;
    section.problem(path ? "path" : "mount",
                    fmt::format("the route at {} has this path already; remove one", earlier->second.text()));
  }

 private:
  std::map<std::tuple<RoutePath::Kind, bool, std::string>, Place> seen_;
};

}  // namespace

Route inherit_route(const Site& site, const Place& place) {
  Route route;
  route.place = place;
  route.http = site.http;
  route.headers = site.headers;
  route.error_pages = site.error_pages;
  route.access = site.access;
  route.guarding = site.guarding;
  route.limits = site.limits;
  route.basic_auth = site.basic_auth;
  route.auth_request = site.auth_request;
  return route;
}

std::optional<RoutePath> parse_route_path(Loading& loading, const Node& node, const std::string& path) {
  const std::string_view text = node.text;
  const Sign* sign = std::find_if(std::begin(kSigns), std::end(kSigns),
                                  [text](const Sign& candidate) { return text.starts_with(candidate.text); });
  const std::size_t begin = std::min(text.find_first_not_of(" \t", sign->text.size()), text.size());
  RoutePath result;
  result.kind = sign->kind;
  result.path = text.substr(begin);
  if (result.path.empty()) {
    loading.problems.add(node.place, path, "the path is empty; expected one such as /static/");
    return std::nullopt;
  }
  if (sign->kind == RoutePath::Kind::pattern) {
    if (!compile_pattern(loading, node, begin, sign->ignore_case, path, result)) return std::nullopt;
    return result;
  }
  if (const char* why = why_unreachable(result.path)) {
    loading.problems.add(node.place_in_text(begin), path,
                         fmt::format("{} matches nothing: {}", quoted(result.path), why));
    return std::nullopt;
  }
  return result;
}

std::vector<Route> load_routes(const Section& section, const Site& site, const RouteContext& context) {
  std::vector<Route> routes;
  const Node* list = section.given_list("routes");
  if (!list || list->items.empty()) {
    const bool wrong_kind = !list && section.given("routes");
    if (!wrong_kind) section.missing("routes", "a site needs at least one route, such as {path: /, app: NAME}");
    return routes;
  }
  PathClashes clashes;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Node& item = *list->items[i];
    const std::string path = item_path(section.path_of("routes"), i);
    if (item.kind != Node::Kind::map) {
      section.loading().problems.add(item.place, path, "expected a route, such as {path: /, app: NAME}");
      continue;
    }
    const Section inner(section.loading(), "sites[].routes[]", path, item.place, &item);
    routes.push_back(load_route(inner, site, context));
    clashes.check(inner, routes.back());
  }
  return routes;
}

}  // namespace edge::config
