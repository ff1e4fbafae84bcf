// TargetMapping: how a path of the client becomes one of the server, and back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/arena.h"
#include "core/http/router.h"

namespace edge {

struct Request;

/// Of one route; immutable.
class TargetMapping {
 public:
  /// `replacement`: what stands in the place of the route's prefix, escaped as in a URL; nothing: paths stay as they
  /// are.
  TargetMapping(const RoutePath& path, std::optional<std::string> replacement);

  bool changes() const { return replacement_.has_value(); }

  /// What goes on the wire to the server, path and query. The bytes of the client where these mean nothing but the path
  /// that the route was chosen by; else that path, escaped anew, so that no server can find another in it.
  std::string_view target(const Request& request, Arena& arena) const;

  /// The prefix that was taken off, decoded, without a slash at its end: SCRIPT_NAME of the CGI protocols.
  std::string_view script_name() const { return script_name_; }

  /// The client's path for `path` of the server's; nothing when the server's does not lead into the route.
  std::optional<std::string_view> back(std::string_view path, Arena& arena) const;

 private:
  std::string prefix_;  // decoded
  std::string escaped_prefix_;
  std::string script_name_;
  std::optional<std::string> replacement_;
};

}  // namespace edge
