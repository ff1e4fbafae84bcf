// Numbers as a person reads them at a glance: sizes and spans of time.
#pragma once

#include <cstdint>
#include <string>

namespace edge {

/// "512 B", "48 MiB", "1.2 GiB".
std::string human_bytes(std::uint64_t bytes);

/// "12 ms", "3.4 s", "5m 20s", "4h 5m", "3d 4h".
std::string human_time(std::uint64_t milliseconds);

}  // namespace edge
