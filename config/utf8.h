// The bytes that a configuration file may consist of: UTF-8 without control characters.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace edge::config {

/// The offset of the first byte that is no valid UTF-8 (RFC 3629) or a control character other than tab, line feed
/// and carriage return; nothing when there is none.
std::optional<std::size_t> first_bad_byte(std::string_view text);

/// Code points in `text`, which is valid UTF-8.
std::size_t count_characters(std::string_view text);

}  // namespace edge::config
