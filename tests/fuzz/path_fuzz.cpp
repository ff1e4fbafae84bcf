// Fuzz target: a parsed path stays inside the root, holds no NUL, and parses to itself; a parsed host does too.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/http/path.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::string escaped(std::string_view path) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte != 0x7f && c != '%' && c != '?' && c != '#') {
      text += c;
    } else {
      text += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return text;
}

void check_path(std::string_view path, edge::Arena& arena) {
  require(path.starts_with('/'));
  require(path.find('\0') == path.npos);
  require(path.find("//") == path.npos);
  const std::string closed = std::string(path) + '/';
  require(closed.find("/../") == closed.npos && closed.find("/./") == closed.npos);
  const std::string text = escaped(path);
  const auto again = edge::parse_target(text, arena);
  require(again && again->path == path && !again->has_query);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  edge::Arena arena;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = edge::parse_target(text, arena); target && target->path != "*") {
    check_path(target->path, arena);
  }
  if (const auto host = edge::parse_host(text, arena)) {
    const auto again = edge::parse_host(*host, arena);
    require(again && *again == *host);
  }
  return 0;
}
