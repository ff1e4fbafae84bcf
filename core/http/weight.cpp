// A digit, and three more behind a dot.
#include "core/http/weight.h"

#include <algorithm>
#include <cstddef>

namespace edge {

std::optional<int> parse_weight(std::string_view text) {
  constexpr std::size_t kLongest = 5;
  if (text.empty() || text.size() > kLongest || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int weight = (text[0] - '0') * kMostWeight;
  int worth = kMostWeight / 10;
  for (const char digit : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (digit < '0' || digit > '9') return std::nullopt;
    weight += (digit - '0') * worth;
    worth /= 10;
  }
  return weight <= kMostWeight ? std::optional(weight) : std::nullopt;
}

}  // namespace edge
