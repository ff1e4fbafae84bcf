// Strong entity tags of files (RFC 9110 8.8.3): from the time of change to the nanosecond and the size.
// Not from the inode or the time of the inode's change: several machines that serve copies of one tree give the same
// tags, and new rights or links are no new content. The price, as in nginx and Apache: content of the same size that is
// put there under the very same time of change has the tag of what was there before, and who has that is told 304. A
// tree whose files all bear one made-up time (SOURCE_DATE_EPOCH) should name its files by their content.
#pragma once

#include <cstddef>
#include <string_view>

#include "static/resolve.h"

namespace edge {

inline constexpr std::size_t kMaxEntityTag = 35;  // two quotes, a dash, two numbers of 16 digits

/// Writes a quoted tag, such as "\"18b5c9f3a1e2d4c0-400\"", into `to` (kMaxEntityTag bytes). Returns a view of
/// it.
std::string_view format_entity_tag(const FileFacts& facts, char* to);

}  // namespace edge
