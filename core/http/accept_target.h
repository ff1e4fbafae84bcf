// The target and the host of a request, checked alike behind every front door that reads them from a head.
#pragma once

#include <string_view>

#include "core/http/request.h"
#include "core/result.h"

namespace edge {

/// Fills path, query and host from `request.target`, the Host field, and `authority`: what HTTP/2 tells as :authority,
/// else empty; that of an absolute target takes its place. Malformed: a target or a name that cannot be parsed, "*" for
/// anything but OPTIONS, a Host field that differs from the authority.
Result<void> accept_target(Request& request, std::string_view authority = {});

}  // namespace edge
