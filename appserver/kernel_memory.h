// What the kernel knows of the memory of processes, and what it lets them have.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "config/snapshot.h"

namespace edge {

/// Bytes of a process's memory that are in RAM, shared ones included; nothing when there is no such process. Costs a
/// few microseconds and never waits.
std::optional<std::uint64_t> resident_bytes(pid_t pid);

/// How many processes the kernel has killed since it started because memory ran out; 0 where it does not say.
std::uint64_t out_of_memory_kills();

/// Bytes that a process of the app may allocate (RLIMIT_DATA): twice max_memory, at least 256 MiB above it, and the
/// stacks of its threads; 0 for no limit.
std::uint64_t data_limit(const config::App& app);

}  // namespace edge
