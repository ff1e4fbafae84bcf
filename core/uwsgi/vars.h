// From a request's head to the CGI variables of a uwsgi packet (RFC 3875 4.1, PEP 3333).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/request.h"
#include "core/uwsgi/packet.h"

namespace edge::uwsgi {

/// What an application is told of a request. Everything lives as long as the call that it is made for.
struct ToldRequest {
  Request& client;               // for its two ends, scheme, certificate, version and id, and for its arena
  std::string_view method;       // REQUEST_METHOD
  std::string_view uri;          // REQUEST_URI
  std::string_view script_name;  // SCRIPT_NAME
  std::string_view path_info;    // PATH_INFO, decoded
  std::string_view query;        // QUERY_STRING
  std::string_view host;         // SERVER_NAME; empty: the address that the client came to
  HeaderList headers;            // CONTENT_TYPE and HTTP_*
  HeaderList params;             // added as they stand, each in the place of the variable of its name
  std::optional<std::uint64_t> content_length;  // of what is sent as body, when there is one
};

/// Adds every variable: REQUEST_METHOD, SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI, SERVER_PROTOCOL,
/// SERVER_NAME, SERVER_PORT, REMOTE_ADDR, REMOTE_PORT, REQUEST_SCHEME, HTTPS (only over TLS), CONTENT_TYPE and
/// CONTENT_LENGTH (only when known), AUTH_TYPE and REMOTE_USER (of a verified user), REQUEST_ID, and HTTP_*. A header
/// name with a byte other than a letter, a digit or
/// "-" is left out, so that X_Foo cannot pose as X-Foo; repeated fields are joined with ", " (Cookie with "; ").
void add_vars(const ToldRequest& told, BlockWriter& to);

/// The same of a request as it came. `script_name` is a prefix of the path ("/shop") or empty; PATH_INFO is the rest.
/// `params` are Request::params.
void add_vars(Request& request, std::string_view script_name, std::optional<std::uint64_t> content_length,
              BlockWriter& to);

}  // namespace edge::uwsgi
