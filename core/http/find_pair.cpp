// Pieces that have no "=", or only begin with the name, are passed over.
#include "core/http/find_pair.h"

#include <algorithm>

#include "core/http/header_list.h"

namespace edge {

std::optional<std::string_view> find_pair(std::string_view text, char separator, std::string_view name) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    std::string_view piece = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (piece.starts_with(' ')) piece.remove_prefix(1);
    if (piece.size() > name.size() && piece[name.size()] == '=' && same_name(piece.substr(0, name.size()), name)) {
      return piece.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

}  // namespace edge
