// UTF-8 validation by the table of RFC 3629, section 4.
#include "config/utf8.h"

#include <algorithm>
#include <cstdint>

namespace edge::config {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<std::uint8_t>(text[at]) : 0;
}

bool within(std::uint8_t byte, std::uint8_t least, std::uint8_t most) {
  return byte >= least && byte <= most;
}

/// Bytes of the character at `at`, 0 when it is none that may stand there.
std::size_t character_size(std::string_view text, std::size_t at) {
  const std::uint8_t first = byte_at(text, at);
  if (first < 0x80) return (first >= 0x20 && first != 0x7f) || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
  const std::uint8_t second = byte_at(text, at + 1);
  if (within(first, 0xc2, 0xdf)) return within(second, 0x80, 0xbf) ? 2 : 0;
  const bool third_continues = within(byte_at(text, at + 2), 0x80, 0xbf);
  if (within(first, 0xe0, 0xef)) {
    const std::uint8_t least = first == 0xe0 ? 0xa0 : 0x80;
    const std::uint8_t most = first == 0xed ? 0x9f : 0xbf;
    return within(second, least, most) && third_continues ? 3 : 0;
  }
  if (within(first, 0xf0, 0xf4)) {
    const std::uint8_t least = first == 0xf0 ? 0x90 : 0x80;
    const std::uint8_t most = first == 0xf4 ? 0x8f : 0xbf;
    return within(second, least, most) && third_continues && within(byte_at(text, at + 3), 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::optional<std::size_t> first_bad_byte(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t size = character_size(text, at);
    if (size == 0) return at;
    at += size;
  }
  return std::nullopt;
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace edge::config
