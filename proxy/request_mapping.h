// From a client's request to what a server is sent: target, host and fields (RFC 9110 7.6, RFC 7239).
#pragma once

#include <optional>
#include <vector>

#include "core/http/router.h"
#include "core/http/template.h"
#include "proxy/target_mapping.h"
#include "proxy/upstream_codec.h"

namespace edge {

/// Of one route; immutable.
struct ForwardRules {
  TargetMapping mapping;
  std::optional<Template> host;     // nothing: what the client asked for
  std::vector<HeaderRule> headers;  // in place of the client's; without a value: removed
  std::string server;               // the authority of requests that name no host (HTTP/1.0)
};

/// Fills everything but what concerns the content. Fields of the connection, names with an underscore (servers take
/// X_Real for X-Real) and Proxy (CVE-2016-5385) are left out; X-Forwarded-*, Forwarded and Via tell where the request
/// came from, and of what the client wrote there only what came through trusted proxies is kept. Everything lives as
/// long as the request.
void map_request(Request& request, const ForwardRules& rules, UpstreamRequest& to);

}  // namespace edge
