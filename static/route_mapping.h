// RouteMapping: from a request's path to a path below a route's directory D. Pure text.
//
//   route         strip_prefix: true           strip_prefix: false
//   /static/      /static/a/b -> D/a/b         D/static/a/b      also "^~ /static/"
//   /static       /static/a   -> D/a           D/static/a        and /staticity -> nothing | D/staticity
//   mount /docs   /docs/a     -> D/a           D/docs/a
//   = /a/b.txt    /a/b.txt    -> D/b.txt       D/a/b.txt         the folders of the name are stripped, not the name
//   ~ \.css$      /a/b.css    -> D/a/b.css     D/a/b.css         a pattern names no prefix
//
// (nginx's alias would add "ity" to the name of D in the second row; nothing beside D is ever served here.)
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/arena.h"
#include "core/http/router.h"

namespace edge {

class RouteMapping {
 public:
  RouteMapping(const RoutePath& route, bool strip_prefix, bool hidden_files);

  /// The part of `path` (normalised, decoded) to look up below the directory, without a slash at its beginning; empty
  /// for the directory itself. Nothing: the route has no such path, or, without hidden_files, a segment that the route
  /// does not name itself begins with ".", other than ".well-known" at the top.
  std::optional<std::string_view> relative(std::string_view path) const;

  /// The same for a path that configuration names: one that is not below the route's own is looked up below the
  /// directory as it stands.
  std::optional<std::string_view> relative_of_named(std::string_view path) const;

  /// The other way round: the path of which relative() makes `relative`. Nothing: there is none.
  std::optional<std::string_view> path_of(std::string_view relative, Arena& arena) const;

 private:
  bool is_below(std::string_view path) const;
  bool has_hidden_segment(std::string_view path) const;

  std::string stripped_;  // prefix that is taken off; empty: none
  std::string named_;     // what the route itself names, up to a "/"; empty: nothing
  bool named_whole_;      // it names no more than that one path
  bool hidden_files_;
};

}  // namespace edge
