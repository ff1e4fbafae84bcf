// Redirects.
#include "core/http/redirect_handler.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/escape.h"

namespace edge {
namespace {

std::string_view location_of(const Template& to, const Request& request) {
  thread_local std::string rendered;
  thread_local std::string encoded;
  rendered.clear();
  encoded.clear();
  to.render(request, rendered);
  append_percent_encoded(rendered, true, encoded);
  std::string_view location = encoded;
  if (location.starts_with("//") && !to.source().starts_with("//")) {
    location.remove_prefix(std::min(location.find_first_not_of('/'), location.size()) - 1);
  }
  return request.arena.copy(location);
}

}  // namespace

RedirectHandler::RedirectHandler(Template to, int status) : to_(std::move(to)), status_(status) {}

Task<Response> RedirectHandler::handle(Request& request) {
  const std::string_view location = location_of(to_, request);
  Response response = Response::of_status(request.arena, location.empty() ? 404 : status_);
  if (!location.empty()) response.headers.add(HeaderName::location, location);
  co_return response;
}

}  // namespace edge
