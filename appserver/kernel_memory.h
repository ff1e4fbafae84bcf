// What the kernel says of a process's memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace edge {

/// Bytes of the process that are in memory, shared ones included; nothing when there is no such process.
std::optional<std::uint64_t> resident_bytes(pid_t pid);

}  // namespace edge
