// Max-Forwards (RFC 9110 7.6.2): how far OPTIONS and TRACE may still go.
#pragma once

#include <optional>

#include "core/http/request.h"
#include "core/http/response.h"
#include "proxy/upstream_codec.h"

namespace edge {

/// The answer of the last that the request may reach, when that is edge; else the server is told of one hop less. Of
/// other methods, and of a value that is no number, nothing is said.
std::optional<Response> count_forward(Request& request, UpstreamRequest& asked);

}  // namespace edge
