// Decoding base64 (RFC 4648 4), and splitting at the first colon.
#include "core/http/basic_credentials.h"

#include <algorithm>

namespace edge {

namespace {

/// 0 … 63, or a negative number for what is no digit.
int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/// Padding may be left out. Nothing when another character is found.
std::optional<std::string_view> decoded(std::string_view text, Arena& arena) {
  while (text.ends_with('=')) text.remove_suffix(1);
  char* const begin = arena.allocate_chars(text.size());
  char* at = begin;
  unsigned bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return std::nullopt;
    bits = bits << 6U | static_cast<unsigned>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    *at++ = static_cast<char>(bits >> count & 0xffU);
  }
  return std::string_view(begin, at);
}

/// The one field, or nothing: of several nobody could tell which an app goes by.
const HeaderField* only_field(const HeaderList& headers) {
  const HeaderField* found = nullptr;
  for (const HeaderField& field : headers) {
    if (field.id != HeaderName::authorization) continue;
    if (found) return nullptr;
    found = &field;
  }
  return found;
}

}  // namespace

std::optional<BasicCredentials> basic_credentials(const HeaderList& headers, Arena& arena) {
  constexpr std::string_view kScheme = "Basic ";
  const HeaderField* const field = only_field(headers);
  if (!field || !same_name(field->value.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  const std::size_t begin = std::min(field->value.find_first_not_of(' ', kScheme.size()), field->value.size());
  const std::optional<std::string_view> text = decoded(field->value.substr(begin), arena);
  if (!text) return std::nullopt;
  const std::size_t colon = text->find(':');
  if (colon == text->npos || colon == 0) return std::nullopt;
  return BasicCredentials{text->substr(0, colon), text->substr(colon + 1)};
}

}  // namespace edge
