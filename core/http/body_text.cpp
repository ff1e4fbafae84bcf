// Content types that are text, and decoding of forms.
#include "core/http/body_text.h"

#include <algorithm>
#include <array>

namespace edge {

namespace {

std::string_view type_of(const HeaderList& headers) {
  const std::string_view field = headers.get(HeaderName::content_type);
  return trimmed(field.substr(0, field.find(';')));
}

bool begins_with(std::string_view text, std::string_view what) {
  return same_name(text.substr(0, what.size()), what);
}
bool ends_with(std::string_view text, std::string_view what) {
  return text.size() >= what.size() && same_name(text.substr(text.size() - what.size()), what);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(static_cast<unsigned char>(c) | 0x20U);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

bool holds_form(const HeaderList& headers) {
  return same_name(type_of(headers), "application/x-www-form-urlencoded");
}

bool holds_text(const HeaderList& headers) {
  constexpr std::array<std::string_view, 6> kTexts = {"application/json",       "application/xml",
                                                      "application/javascript", "application/x-javascript",
                                                      "application/graphql",    "multipart/form-data"};
  const std::string_view type = type_of(headers);
  return type.empty() || begins_with(type, "text/") || holds_form(headers) || ends_with(type, "+json") ||
         ends_with(type, "+xml") ||
         std::ranges::any_of(kTexts, [type](std::string_view known) { return same_name(type, known); });
}

std::string_view form_decoded(std::string_view text, Arena& arena) {
  const std::size_t first = text.find_first_of("%+");
  if (first == text.npos) return text;
  char* const begin = arena.allocate_chars(text.size());
  char* at = begin + text.copy(begin, first);
  for (std::size_t i = first; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      *at++ = static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      *at++ = text[i] == '+' ? ' ' : text[i];
    }
  }
  return {begin, at};
}

}  // namespace edge
