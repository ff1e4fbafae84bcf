// Where a request without TLS goes, and whom a connection with TLS is for.
#include "core/http/https_rules.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "core/escape.h"
#include "core/http/router.h"
#include "core/net/tls_context.h"
#include "core/net/tls_stream.h"

namespace edge {

namespace {

/// Authorities ask there before there is a certificate (RFC 8555 8.3).
constexpr std::string_view kChallenges = "/.well-known/acme-challenge/";

bool is_challenge(const Request& request) {
  if (!request.path.starts_with(kChallenges)) return false;
  const Route* const route = request.site->route_for(request.path);
  return route && route->path.path.starts_with(kChallenges.substr(0, kChallenges.size() - 1));
}

Response redirect_to_https(Request& request, std::uint16_t port) {
  std::string_view host = request.host;
  if (host.empty()) {  // HTTP/1.0
    const std::vector<std::string>& hosts = request.site->hosts;
    const auto name = std::ranges::find_if(hosts, [](const std::string& one) { return !one.starts_with('*'); });
    if (name == hosts.end()) return Response::of_status(request.arena, 400);
    host = *name;
  }
  std::string to = "https://";
  to += host;
  if (port != 443) to += ':' + std::to_string(port);
  if (request.target.starts_with('/')) {
    to += request.target;
  } else {  // the target was a whole URL
    append_percent_encoded(request.path, true, to);
    if (request.has_query) to += '?';
    to += request.query;
  }
  Response response = Response::of_status(request.arena, 308);
  response.headers.add(HeaderName::location, request.arena.copy(to));
  return response;
}

}  // namespace

bool is_misdirected(const Request& request) {
  if (!request.tls_stream) return false;
  const TlsStream& stream = *request.tls_stream;
  if (!request.site) return true;
  const TlsContext* const wanted = request.site->tls.get();
  if (wanted && wanted->verifies_clients() && !(stream.site() && wanted->verifies_clients_as(*stream.site()))) {
    return true;
  }
  if (!request.forwarded.host.empty()) return false;  // what a trusted proxy asked for itself is its own matter
  if (request.host.empty() || stream.server_name().empty() || stream.server_name() == request.host) return false;
  return !stream.site() || !stream.site()->covers(request.host);
}

std::optional<Response> answer_by_https_rules(Request& request) {
  if (is_misdirected(request)) {
    Response response = Response::of_status(request.arena, 421);
    response.close = true;  // the next connection may be the right one
    return response;
  }
  if (!request.site || !request.site->https_port || request.secure() || is_challenge(request)) return std::nullopt;
  return redirect_to_https(request, *request.site->https_port);
}

}  // namespace edge
