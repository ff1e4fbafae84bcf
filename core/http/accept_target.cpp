// Target, Host and :authority: one request has one path and one host (RFC 9112 3.2, RFC 9113 8.3.1).
#include "core/http/accept_target.h"

#include "core/http/path.h"

namespace edge {

Result<void> accept_target(Request& request, std::string_view authority) {
  const Result<Target> target = parse_target(request.target, request.arena);
  if (!target) return std::unexpected(target.error());
  if (target->path == "*" && request.method != Method::options) {
    return fail(ErrorKind::malformed, Side::client, "the target * is for OPTIONS only");
  }
  request.path = target->path;
  request.query = target->query;
  request.has_query = target->has_query;
  if (!target->authority.empty()) authority = target->authority;
  const HeaderField* host = request.headers.find(HeaderName::host);
  Result<std::string_view> name = std::string_view();
  if (host && !host->value.empty()) name = parse_host(host->value, request.arena);
  if (!name) return std::unexpected(name.error());
  if (!authority.empty()) {
    const Result<std::string_view> named = parse_host(authority, request.arena);
    if (!named) return std::unexpected(named.error());
    // RFC 9112 3.2.2 lets the target win; two names in one request are what smuggling is made of.
    if (host && *named != *name) {
      return fail(ErrorKind::malformed, Side::client, "the request target names another host than the Host field");
    }
    name = *named;
  }
  request.host = *name;
  return {};
}

}  // namespace edge
