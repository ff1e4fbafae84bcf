// One table look-up a byte.
#include "core/http/field_syntax.h"

#include <array>
#include <cstdint>

namespace edge {
namespace {

constexpr std::array<bool, 256> kTokenBytes = [] {
  std::array<bool, 256> table{};
  for (const char c :
       std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

}  // namespace

bool is_token(std::string_view text) {
  for (const char c : text) {
    if (!kTokenBytes[static_cast<unsigned char>(c)]) return false;
  }
  return !text.empty();
}

bool is_field_text(std::string_view text) {
  std::uint8_t bad = 0;
  for (const char c : text) {  // without a branch, so that the compiler takes many at once
    const auto byte = static_cast<unsigned char>(c);
    bad |= static_cast<std::uint8_t>(((byte < 0x20) & (byte != '\t')) | (byte == 0x7f));
  }
  return bad == 0;
}

}  // namespace edge
