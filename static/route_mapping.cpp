// Prefixes, stripped or kept, and hidden segments.
#include "static/route_mapping.h"

#include <algorithm>

namespace edge {

namespace {

std::string named_part(const RoutePath& route) {
  if (route.kind == RoutePath::Kind::pattern) return {};
  const bool folder = route.kind != RoutePath::Kind::exact && route.path.ends_with('/');
  return route.path.substr(0, route.path.size() - (folder ? 1 : 0));
}

std::string prefix_to_strip(const RoutePath& route) {
  if (route.kind == RoutePath::Kind::pattern) return {};
  if (route.kind == RoutePath::Kind::exact) return route.path.substr(0, route.path.rfind('/') + 1);
  return route.path;
}

/// RFC 8615 gives such paths to whoever runs the host, to be found by all: certificates are asked for by them. How many
/// bytes at the beginning of the path are of that name.
std::size_t well_known_size(std::string_view path) {
  constexpr std::string_view kWellKnown = "/.well-known";
  if (!path.starts_with(kWellKnown)) return 0;
  return path.size() == kWellKnown.size() || path[kWellKnown.size()] == '/' ? kWellKnown.size() : 0;
}

}  // namespace

RouteMapping::RouteMapping(const RoutePath& route, bool strip_prefix, bool hidden_files)
    : stripped_(strip_prefix ? prefix_to_strip(route) : std::string()),
      named_(named_part(route)),
      named_whole_(route.kind == RoutePath::Kind::exact),
      hidden_files_(hidden_files) {}

std::optional<std::string_view> RouteMapping::relative(std::string_view path) const {
  if (!path.starts_with('/') || !is_below(path)) return std::nullopt;
  if (!hidden_files_ && has_hidden_segment(path)) return std::nullopt;
  std::string_view rest = path.substr(stripped_.size());
  if (rest.starts_with('/')) rest.remove_prefix(1);
  return rest;
}

std::optional<std::string_view> RouteMapping::relative_of_named(std::string_view path) const {
  if (!path.starts_with('/') || is_below(path)) return relative(path);
  if (!hidden_files_ && path.find("/.", well_known_size(path)) != path.npos) return std::nullopt;
  return path.substr(1);
}

bool RouteMapping::is_below(std::string_view path) const {
  if (!path.starts_with(stripped_)) return false;
  const std::string_view rest = path.substr(stripped_.size());
  const bool ends_inside_segment = !stripped_.empty() && !stripped_.ends_with('/');
  return !ends_inside_segment || rest.empty() || rest.starts_with('/');
}

std::optional<std::string_view> RouteMapping::path_of(std::string_view below, Arena& arena) const {
  char* const begin = arena.allocate_chars(stripped_.size() + 1 + below.size());
  char* at = std::ranges::copy(stripped_, begin).out;
  if (!stripped_.ends_with('/')) *at++ = '/';
  at = std::ranges::copy(below, at).out;
  const std::string_view path(begin, static_cast<std::size_t>(at - begin));
  return relative(path) == below ? std::optional(path) : std::nullopt;
}

/// A path that configuration names need not begin as the route does: then nothing of it is spared.
bool RouteMapping::has_hidden_segment(std::string_view path) const {
  if (named_whole_ && path == named_) return false;
  const std::size_t named = !named_whole_ && path.starts_with(named_) ? named_.size() : 0;
  std::size_t from = std::max(named, well_known_size(path));
  if (from >= path.size()) return false;
  if (path[from] != '/') from = path.rfind('/', from);  // the route names a part of this segment only
  return path.find("/.", from) != path.npos;
}

}  // namespace edge
