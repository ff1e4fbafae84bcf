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

std::size_t count_controls(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, 224);
    std::uint8_t here = 0;  // as narrow as what is counted, so that the compiler counts many at once
    for (const char c : part) {
      const auto byte = static_cast<unsigned char>(c);
      here += static_cast<std::uint8_t>(((byte < 0x20) & (byte != '\t')) | (byte == 0x7f));
    }
    count += here;
    text.remove_prefix(part.size());
  }
  return count;
}

}  // namespace edge
