// From a request's head to the CGI variables of a uwsgi packet (RFC 3875 4.1, PEP 3333).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/uwsgi/packet.h"

namespace edge {
struct Request;
}

namespace edge::uwsgi {

/// Adds every variable of `request`: REQUEST_METHOD, SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI,
/// SERVER_PROTOCOL, SERVER_NAME, SERVER_PORT, REMOTE_ADDR, REMOTE_PORT, REQUEST_SCHEME, HTTPS (only over TLS),
/// CONTENT_TYPE and CONTENT_LENGTH (only when known), REQUEST_ID, and HTTP_*. A header name with a byte other than a
/// letter, a digit or "-" is left out, so that X_Foo cannot pose as X-Foo; repeated fields are joined with ", "
/// (Cookie with "; "). `script_name` is a prefix of the path ("/shop") or empty; PATH_INFO is the rest.
/// `content_length`: what is sent as body, when there is one. Request::params are added as they stand, each in the
/// place of edge's own variable of that name.
void add_vars(Request& request, std::string_view script_name, std::optional<std::uint64_t> content_length,
              BlockWriter& to);

}  // namespace edge::uwsgi
