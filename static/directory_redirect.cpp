// Escaping a path (RFC 3986 3.3) into a Location.
#include "static/directory_redirect.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace edge {

namespace {

constexpr std::array<bool, 256> kMayStand = [] {
  std::array<bool, 256> table{};
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (const char c : std::string_view("-._~!$&'()*+,;=:@/")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

char* put_escaped(char* to, std::string_view path) {
  char previous = '\0';
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '/' && previous == '/') continue;
    previous = c;
    if (kMayStand[byte]) {
      *to++ = c;
      continue;
    }
    *to++ = '%';
    *to++ = "0123456789ABCDEF"[byte >> 4];
    *to++ = "0123456789ABCDEF"[byte & 15];
  }
  return to;
}

std::string_view location_of(const Request& request) {
  char* const begin = request.arena.allocate_chars(3 * request.path.size() + 2 + request.query.size());
  char* at = put_escaped(begin, request.path);
  *at++ = '/';
  if (request.has_query) {
    *at++ = '?';
    at = std::ranges::copy(request.query, at).out;
  }
  return {begin, static_cast<std::size_t>(at - begin)};
}

}  // namespace

Response redirect_to_directory(const Request& request) {
  Response response = Response::of_status(request.arena, 301);
  response.headers.add(HeaderName::location, location_of(request));
  return response;
}

}  // namespace edge
