// Tokens around a slash.
#include "core/http/media_type.h"

#include <algorithm>

#include "core/http/header_list.h"

namespace edge {
namespace {

/// RFC 9110 5.6.2
bool is_token(std::string_view text) {
  static constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kSigns.find(c) != std::string_view::npos;
  });
}

}  // namespace

bool is_media_type(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && is_token(text.substr(0, slash)) && is_token(text.substr(slash + 1));
}

bool is_content_type(std::string_view text) {
  return is_media_type(trimmed(text.substr(0, text.find(';')))) &&
         std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f && c != ','; });
}

}  // namespace edge
