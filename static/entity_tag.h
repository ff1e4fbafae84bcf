// Strong entity tags of files (RFC 9110 8.8.3): from the time of change to the nanosecond, the size and the inode.
#pragma once

#include <cstddef>
#include <string_view>

#include "static/resolve.h"

namespace edge {

inline constexpr std::size_t kMaxEntityTag = 52;  // two quotes, two dashes, three numbers of 16 digits

/// Writes a quoted tag, such as "\"18b5c9f3a1e2d4c0-400-1a2b3c\"", into `to` (kMaxEntityTag bytes). Returns a view of
/// it.
std::string_view format_entity_tag(const FileFacts& facts, char* to);

}  // namespace edge
