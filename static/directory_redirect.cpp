// Escaping a path into a Location.
#include "static/directory_redirect.h"

#include <string>
#include <string_view>

#include "core/escape.h"

namespace edge {

namespace {

/// Without doubled slashes: at its beginning they would begin a host.
std::string without_doubled_slashes(std::string_view path) {
  std::string text;
  for (const char c : path) {
    if (c != '/' || !text.ends_with('/')) text.push_back(c);
  }
  return text;
}

std::string_view location_of(const Request& request, std::string_view path) {
  std::string location;
  append_url_path(without_doubled_slashes(path), location);
  location.push_back('/');
  if (request.has_query) location.append("?").append(request.query);
  return request.arena.copy(location);
}

}  // namespace

Response redirect_to_directory(const Request& request, std::string_view path) {
  Response response = Response::of_status(request.arena, 301);
  response.headers.add(HeaderName::location, location_of(request, path));
  return response;
}

}  // namespace edge
