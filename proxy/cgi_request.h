// What an application behind uwsgi or FastCGI is told of a request (RFC 3875).
#pragma once

#include "core/uwsgi/vars.h"
#include "proxy/upstream_codec.h"

namespace edge {

/// PATH_INFO and QUERY_STRING are those of the target; REQUEST_URI is the script name, escaped, with the target behind
/// it, but what the client asked for where `try` led the request elsewhere, because front controllers route by it.
/// HTTP_HOST and SERVER_NAME come from `host`. Nothing is taken from the path, the headers and the params of the
/// client's request. Errors: malformed, for a target that is no path; internal, for content of an unknown length.
Result<uwsgi::ToldRequest> told_request(const UpstreamRequest& request);

/// The error of a request whose variables do not fit into uwsgi::kMaxBlock.
std::unexpected<Error> too_many_variables();

}  // namespace edge
