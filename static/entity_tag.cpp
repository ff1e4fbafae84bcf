// Hexadecimal by hand: it is made for every answer.
#include "static/entity_tag.h"

#include <cstdint>

namespace edge {

namespace {

char* put_hex(char* to, std::uint64_t number) {
  int digits = 1;
  while (digits < 16 && number >> (4 * digits) != 0) ++digits;
  for (int i = digits - 1; i >= 0; --i) *to++ = "0123456789abcdef"[number >> (4 * i) & 15];
  return to;
}

}  // namespace

std::string_view format_entity_tag(const FileFacts& facts, char* to) {
  char* at = to;
  *at++ = '"';
  at = put_hex(at, static_cast<std::uint64_t>(facts.modified) * 1'000'000'000 + facts.modified_ns);
  *at++ = '-';
  at = put_hex(at, facts.size);
  *at++ = '"';
  return {to, static_cast<std::size_t>(at - to)};
}

}  // namespace edge
