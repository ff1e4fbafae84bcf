// From the variables of a uwsgi packet to a request: what a server in front, such as nginx, tells of its client.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/http/request.h"
#include "core/http/settings.h"
#include "core/result.h"

namespace edge::uwsgi {

/// Fills `request` and `connection` from untrusted `block`, which must live as long as the request. Returns the size of
/// the body in bytes (CONTENT_LENGTH; 0 without). Of two variables with one name the last counts, as in uWSGI.
///
/// REQUEST_URI is the target (made of SCRIPT_NAME, PATH_INFO and QUERY_STRING where it is missing), with the rules of
/// HTTP for paths; HTTP_* become headers; REMOTE_ADDR and REMOTE_PORT the client's address; UWSGI_SCHEME, else HTTPS,
/// else REQUEST_SCHEME, say whether it came by TLS. Everything else stands in Request::params as it came. Left out:
/// UWSGI_* and REQUEST_ID, which would command edge, and the names of the gateway's own ("wsgi.", "edge.", "uwsgi.").
///
/// Of HttpSettings, max_headers and max_uri hold; max_header_size does not, a packet has at most 64 KiB instead.
///
/// Errors: malformed, uri_too_long, headers_too_large (max_headers, or 256 variables of another kind),
/// not_implemented (CONNECT).
Result<std::uint64_t> read_vars(std::string_view block, const HttpSettings& limits, Request& request,
                                ConnectionInfo& connection);

}  // namespace edge::uwsgi
