// Where the control socket of an edge is: as its site file says, or a place that follows from the file's name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/load.h"

namespace edge::config {

/// The control socket of an edge whose site file, named absolutely, does not name one: in $XDG_RUNTIME_DIR, else in
/// /run for root, else in /tmp; the name holds a hash of `file`.
std::string default_control_path(const std::string& file, const Environment& environment);

/// Where such an edge may have put it, the likeliest first: it may have been started with another environment than
/// the caller has (by a service manager, from a login shell).
std::vector<std::string> default_control_paths(const std::string& file, const Environment& environment);

/// `edge.control` of a site file, absolute, although the file may be wrong in other respects or even unreadable as
/// YAML elsewhere; nothing when it is not given or cannot be found. Blocking.
std::optional<std::string> named_control_path(const std::string& file, const Machine& machine);

}  // namespace edge::config
