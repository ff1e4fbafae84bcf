// nearest(): the known name that a misspelled one most likely meant, for "did you mean …" in every message.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace edge {

/// The closest of `known` by letters inserted, left out, replaced or swapped with their neighbour, upper and lower
/// case being the same; the first of equals. Empty when nothing is close enough to be meant: more than a third of the
/// letters (at least one) would have to change. For load time: quadratic in the lengths.
std::string nearest(std::string_view name, std::span<const std::string_view> known);

}  // namespace edge
