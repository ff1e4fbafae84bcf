// The parts of the target, and a list of headers that has the host again.
#include "proxy/cgi_request.h"

#include "core/escape.h"
#include "core/http/path.h"

namespace edge {
namespace {

/// By `try` or X-Accel-Redirect, to another path than the client has asked for.
bool was_led_elsewhere(const Request& client) {
  if (!client.target.starts_with('/')) return false;
  const Result<Target> asked = parse_target(client.target, client.arena);
  return asked && asked->path != client.path;
}

std::string_view request_uri(const UpstreamRequest& request) {
  if (was_led_elsewhere(request.client)) return request.client.target;
  if (request.script_name.empty()) return request.target;
  std::string uri;
  append_url_path(request.script_name, uri);
  return request.client.arena.copy(uri.append(request.target));
}

HeaderList told_headers(const UpstreamRequest& request) {
  HeaderList headers(request.client.arena);
  if (!request.host.empty()) headers.add(HeaderName::host, request.host);
  for (const HeaderField& field : request.headers) {
    if (!is_the_codecs_own(field.id)) headers.add(field);
  }
  return headers;
}

}  // namespace

Result<uwsgi::ToldRequest> told_request(const UpstreamRequest& request) {
  Arena& arena = request.client.arena;
  if (!request.target.starts_with('/')) {
    return fail(ErrorKind::malformed, Side::client, "an application is asked for a path, and the target is none");
  }
  const Result<Target> target = parse_target(request.target, arena);
  if (!target) return std::unexpected(target.error());
  if (request.has_content && !request.length) {
    return fail(ErrorKind::internal, Side::ours, "the length of the content must be known in uwsgi and FastCGI");
  }
  const Result<std::string_view> name = parse_host(request.host, arena);
  return uwsgi::ToldRequest{
      .client = request.client,
      .method = request.method,
      .uri = request_uri(request),
      .script_name = request.script_name,
      .path_info = target->path,
      .query = target->query,
      .host = name ? *name : std::string_view(),
      .headers = told_headers(request),
      .params = HeaderList(arena),
      .content_length = request.has_content ? request.length : std::nullopt,
  };
}

std::unexpected<Error> too_many_variables() {
  return fail(ErrorKind::headers_too_large, Side::client, "the request's variables are larger than 64 KiB");
}

}  // namespace edge
