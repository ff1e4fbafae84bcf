// HTTP dates (RFC 9110 5.6.7): IMF-fixdate out; IMF-fixdate, RFC 850 and asctime in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace edge {

inline constexpr std::size_t kHttpDateSize = 29;

/// Writes "Sun, 06 Nov 1994 08:49:37 GMT" (29 bytes and no NUL).
void format_http_date(std::int64_t unix_seconds, char* to);

/// Seconds since the epoch, or nothing if `text` is none of the three forms, to the letter. The weekday must be one,
/// but is not held against the date. `now` (seconds since the epoch) tells the century of RFC 850's two-digit year:
/// what would be more than 50 years ahead has passed.
std::optional<std::int64_t> parse_http_date(std::string_view text);
std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now);

}  // namespace edge
