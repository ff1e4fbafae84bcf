// Reading what a file system has in memory, and nothing else: for threads that must not wait for a disk.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace edge {

/// pread() of bytes that are in memory. -1 with errno EAGAIN, or EOPNOTSUPP where the file system cannot tell, when it
/// might have to wait. Files of a tmpfs are always in memory, though the kernel does not say so of them.
ssize_t read_from_memory(int fd, char* to, std::size_t size, std::uint64_t offset);

/// Whether a range is in memory, as read_from_memory() tells of one byte in each kProbeDistance, which costs 7 µs a
/// MiB: what is read or dropped comes and goes in larger pieces. False too where the file system cannot tell.
bool is_in_memory(int fd, std::uint64_t offset, std::uint64_t size);
constexpr std::uint64_t kProbeDistance = 32 * 1024;  // bytes

/// Reads a range, or what there is of it, so that it is in memory. Blocks as long as the disk does. False: it cannot be
/// read (errno).
bool bring_to_memory(int fd, std::uint64_t offset, std::uint64_t size);

}  // namespace edge
