// The site that `app:` and `static:` are short for.
#include "config/short_form.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "config/static_files.h"

namespace edge::config {
namespace {

Listen short_listen(const Place& place) {
  Listen listen;
  listen.place = place;
  listen.text = ":8080";
  if (const Result<Address> address = Address::parse(listen.text)) listen.address = *address;
  return listen;
}

void add_static_route(Loading& loading, const Entry& entry, Site& site) {
  const std::string path = key_path("static", entry.key);
  if (!entry.key.starts_with('/') || !entry.key.ends_with('/')) {
    loading.problems.add(entry.place, path, "expected a path prefix that begins and ends with /");
    return;
  }
  Node prefix;
  prefix.kind = Node::Kind::scalar;
  prefix.place = entry.place;
  prefix.text = entry.key;
  std::optional<RoutePath> route_path = parse_route_path(loading, prefix, path);
  if (!route_path) return;
  if (entry.value->kind != Node::Kind::scalar || entry.value->text.empty()) {
    loading.problems.add(entry.value->place, path, "expected a directory; to set more, use `sites:`");
    return;
  }
  StaticFiles files;
  files.directory = loading.absolute(entry.value->place, entry.value->text);
  check_directory(loading, files.directory, entry.value->place, path);
  Route route = inherit_route(site, entry.place);
  route.path = std::move(*route_path);
  route.handler = std::move(files);
  site.routes.push_back(std::move(route));
}

/// The routes of a map, or whether the app is to be asked.
bool read_short_static(const Section& top, bool has_app, Site& site) {
  const Node* given = top.given("static");
  if (given && given->kind == Node::Kind::scalar && given->text == "auto") {
    if (!has_app) top.problem("static", std::string(kAutoNeedsApp));
    return true;
  }
  const Node* directories = top.given_map("static");
  if (!directories) return false;
  for (const Entry& entry : directories->entries) {
    if (has_app && entry.key == "/") {
      top.loading().problems.add(entry.place, "static./", "`app` answers / already; give a prefix such as /static/");
    }
    add_static_route(top.loading(), entry, site);
  }
  return false;
}

}  // namespace

bool uses_short_form(const Section& top) {
  const char* key = top.given("app") ? "app" : top.given("static") ? "static" : nullptr;
  if (!key) return false;
  for (const char* full : {"sites", "apps"}) {
    if (!top.given(full)) continue;
    top.problem(key, fmt::format("is short for a whole site and cannot stand beside `{}` ({}); write a route there",
                                 full, top.place_of(full).text()));
    break;
  }
  return true;
}

Site load_short_site(const Section& top, const HttpSettings& http, const RouteContext& context,
                     const std::optional<App>& app) {
  Site site;
  site.place = app ? app->place : top.place_of("static");
  site.http = http;
  site.access = context.access_base;
  site.guarding = context.guarding;
  site.limits = context.limits;
  site.listen.push_back(short_listen(site.place));
  const bool static_auto = read_short_static(top, top.given("app") != nullptr, site);
  if (!app) return site;
  Route route = inherit_route(site, app->place);
  route.path.path = "/";
  route.handler = AppRef{.app = app->name, .static_auto = static_auto};
  site.routes.push_back(std::move(route));
  return site;
}

}  // namespace edge::config
