// Weights in what a client accepts (RFC 9110 12.4.2).
#pragma once

#include <optional>
#include <string_view>

namespace edge {

inline constexpr int kMostWeight = 1'000;

/// "0", "0.25", "1.000" in thousandths. Nothing: it is no weight.
std::optional<int> parse_weight(std::string_view text);

}  // namespace edge
