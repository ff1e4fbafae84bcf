// One table look-up a byte.
#include "core/http/field_syntax.h"

#include <array>

#include "core/count_bytes.h"

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

std::size_t count_controls(std::string_view text) {
  return count_bytes(text, [](unsigned char byte) { return ((byte < 0x20) & (byte != '\t')) | (byte == 0x7f); });
}

}  // namespace edge
