// HTTPS rules: requests that must come by TLS, and requests on a connection that is not for their host.
#pragma once

#include <optional>

#include "core/http/request.h"
#include "core/http/response.h"

namespace edge {

/// The answer that a request gets in the place of its route's: a redirect to https where its site asks for that, or 421
/// (RFC 9110 15.5.20) for a host that the connection's certificate is not for. A site that looks at clients'
/// certificates is reached only over connections that were made for it. Nothing: the route answers.
///
/// request.site is set. The answer has no error page: who is turned away is not let in to where the page comes from.
std::optional<Response> answer_by_https_rules(Request& request);

/// Whether 421 is the answer: the connection, if it has TLS of edge's own, is for another site or host.
bool is_misdirected(const Request& request);

}  // namespace edge
