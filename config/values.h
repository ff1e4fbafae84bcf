// Values as they are written: booleans, numbers, sizes and durations, both ways.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace edge::config {

/// true, false, on, off, in small letters, capitals, or with a capital first.
std::optional<bool> parse_boolean(std::string_view text);
/// Decimal digits.
std::optional<std::uint64_t> parse_number(std::string_view text);
/// 512, 16k, 35M, 2G, with 1024 to the k; in bytes. The letter may be of either case.
std::optional<std::uint64_t> parse_size(std::string_view text);
/// 250ms, 30s, 5m, 1h, 30d; in milliseconds.
std::optional<std::uint64_t> parse_duration(std::string_view text);

/// In the largest unit that leaves no rest: 1024 -> "1k".
std::string size_text(std::uint64_t bytes);
std::string duration_text(std::uint64_t milliseconds);

/// Why no normalised request path begins with `path`; null when one may.
const char* why_unreachable(std::string_view path);

}  // namespace edge::config
