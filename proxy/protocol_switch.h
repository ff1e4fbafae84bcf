// Going over to another protocol (RFC 9110 7.8), which a client asks for by Upgrade or by an extended CONNECT (RFC
// 8441), and a server behind edge by Upgrade alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/http/request.h"
#include "core/result.h"
#include "proxy/upstream_codec.h"

namespace edge {

/// The first of the protocols that the request asks for which is one of those allowed; else empty.
std::string_view allowed_switch(const Request& request, const std::vector<std::string>& allowed);

/// Of a request that is mapped: asks the server for that protocol. For a WebSocket by CONNECT, which has no such field,
/// with a key of edge's own. Error: no random numbers.
Result<void> ask_for_switch(std::string_view protocol, UpstreamRequest& asked);

/// Whether an answer of 101 is one to what was asked. Error: bad_gateway.
Result<void> check_switch(const UpstreamRequest& asked, const UpstreamCodec::Head& head);

}  // namespace edge
