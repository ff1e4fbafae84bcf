// Local time as logs write it, made once a second and thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace edge {

/// "21/Nov/2026:10:55:00 +0100". Valid until the thread's next call with another second.
std::string_view time_local(std::int64_t unix_seconds);

/// "2026-11-21T10:55:00+01:00". As above.
std::string_view time_iso8601(std::int64_t unix_seconds);

}  // namespace edge
