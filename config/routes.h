// Loading of routes and their handlers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// What routes refer to or inherit from outside their site.
struct RouteContext {
  const std::vector<App>& apps;
  const std::vector<Upstream>& upstreams;
  const std::optional<AccessTarget>& access_base;  // of log.access
  const std::map<std::string, AddressList>& lists;
  const Guarding& guarding;                       // of http
  std::shared_ptr<const LimitSettings> limits{};  // of http
};

/// The routes of `section`, with what they inherit from `site`.
std::vector<Route> load_routes(const Section& section, const Site& site, const RouteContext& context);

/// A route with what it inherits, at `place`.
Route inherit_route(const Site& site, const Place& place);
/// `text` as the path of a route; a fault is reported at its column, under `path`.
std::optional<RoutePath> parse_route_path(Loading& loading, const Node& node, const std::string& path);

/// What is wrong with `static: auto` where nobody can be asked.
inline constexpr std::string_view kAutoNeedsApp =
    "`auto` asks the app, and there is none; give an `app` beside it, or the folder of the files";

/// Says that `name`, given under `key`, is none of `names`: `what` ("app") that are defined under `where`.
void report_no_such(const Section& section, std::string_view key, std::string_view what, std::string_view where,
                    const std::string& name, const std::vector<std::string_view>& names);

/// Reads the one handler of a route, given under one of the keys static, redirect, return, app, proxy.
void read_handler(const Section& section, const RouteContext& context, Route& route);

}  // namespace edge::config
