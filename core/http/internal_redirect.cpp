// Finding the route, asking it as the client would, and joining the two heads.
#include "core/http/internal_redirect.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "core/http/conditions.h"
#include "core/http/handler.h"
#include "core/http/path.h"
#include "core/http/router.h"
#include "core/log.h"

namespace edge {

namespace {

std::string_view header_of(const InternalRedirect& redirect) {
  return header_spelling(redirect.to == InternalRedirect::To::path ? HeaderName::x_accel_redirect
                                                                   : HeaderName::x_sendfile);
}

/// Where the file is to be asked for.
struct FilePlace {
  const Route* route = nullptr;
  std::string_view path;
};

Result<FilePlace> target_of_path(const Request& request, std::string_view url) {
  const Result<std::string_view> path = parse_app_path(url, request.arena);
  if (!path) return std::unexpected(path.error());
  const Route* const route = request.site->route_for(*path);
  if (route && route->handler->serves_files()) return FilePlace{route, *path};
  return fail(
      ErrorKind::bad_gateway, Side::app,
      route ? "the route of that path does not serve files; name a path of a static route"
            : "no route of this site has that path; add a static route for it (internal: true keeps clients out)");
}

Result<FilePlace> target_of_file(const Request& request, std::string_view text) {
  const Result<std::string_view> file = normalize_file_path(text, request.arena);
  if (!file) return std::unexpected(file.error());
  for (const Route& route : request.site->routes) {
    const std::optional<std::string_view> path = route.handler->path_of_file(*file, request.arena);
    if (path && request.site->route_for(*path) == &route) return FilePlace{&route, *path};
  }
  return fail(ErrorKind::bad_gateway, Side::app,
              "no static route of this site serves that file; declare its directory with one (internal: true keeps "
              "clients out)");
}

Response refuse(const Request& request, const InternalRedirect& redirect, std::string_view why) {
  log::error("[{}] request {}: {} {}: {}", request.upstream.address, request.id(), header_of(redirect), redirect.text,
             why);
  return Response::of_error(request.arena, {ErrorKind::bad_gateway, Side::app, false, {}});
}

/// Whether the client's conditions and ranges mean the file: not when the app says that something is wrong with the
/// request, nor when the request was none for content (RFC 9110 13.1, 14.2).
bool is_conditional(const Request& request, int status) {
  return (status == 200 || status == 206) && (request.method == Method::get || request.method == Method::head);
}

/// Asks the target as the client would, for an app that answered with `status`.
Task<Response> ask(Request& request, FilePlace target, int status) {
  const HeaderList headers = request.headers;
  if (!is_conditional(request, status)) request.headers = without_conditions(request.headers);
  const Route* const route = std::exchange(request.route, target.route);
  const std::string_view path = std::exchange(request.path, target.path);
  const Method method = request.method;
  if (method != Method::head) request.method = Method::get;
  Response response = co_await target.route->handler->handle(request);
  request.headers = headers;
  request.route = route;
  request.path = path;
  request.method = method;
  co_return response;
}

void keep(std::initializer_list<std::string_view> names, const HeaderList& from, HeaderList& to) {
  for (const std::string_view name : names) {
    if (!from.find(name)) continue;
    to.remove(name);
    for (const HeaderField& field : from) {
      if (same_name(field.name, name)) to.add(field);
    }
  }
}

/// What the app said of the file stays, but for what only its sender knows.
void join(const Response& from, Response& file) {
  keep({"Cache-Control", "Expires", "Set-Cookie"}, from.headers, file.headers);
  if (file.status == 304) return;
  keep({"Content-Disposition", "Accept-Ranges"}, from.headers, file.headers);
  // A type beside an encoding is that of the decoded content. The file is sent as it is, and its own type says so, as
  // that of several ranges says where each ends.
  if (!from.headers.find(HeaderName::content_encoding) && !has_several_ranges(file)) {
    keep({"Content-Type"}, from.headers, file.headers);
  }
  if (from.status == 200 || from.status == 206 || file.status != 200) return;
  file.status = from.status;
  file.reason = from.reason;
  file.headers.remove(HeaderName::etag);
  file.headers.remove(HeaderName::last_modified);
  file.headers.remove(HeaderName::accept_ranges);
}

bool has_no_content(int status) {
  return status == 204 || status == 304;
}

}  // namespace

Task<Response> follow_redirect(Request& request, Response from) {
  const InternalRedirect redirect = *std::exchange(from.redirect, std::nullopt);
  from.headers.remove(HeaderName::x_accel_redirect);
  from.headers.remove(HeaderName::x_sendfile);
  if (has_no_content(from.status)) co_return from;
  const Result<FilePlace> target = redirect.to == InternalRedirect::To::path ? target_of_path(request, redirect.text)
                                                                             : target_of_file(request, redirect.text);
  if (!target) co_return refuse(request, redirect, target.error().context);
  Response file = co_await ask(request, *target, from.status);
  file.redirect.reset();  // where the route's `try` would lead a client that asked for what is not there
  if (file.is_listing || (file.status >= 300 && file.status < 400 && file.status != 304)) {
    co_return refuse(request, redirect, "that is a folder");
  }
  if (file.status < 400) {
    join(from, file);
  } else if (file.status != 412 && file.status != 416) {
    log::warn("[{}] request {}: {} {}: the files' route answers {}", request.upstream.address, request.id(),
              header_of(redirect), redirect.text, file.status);
  }
  co_return file;
}

}  // namespace edge
