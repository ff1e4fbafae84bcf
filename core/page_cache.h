// Reading what a file system has in memory, and nothing else: for threads that must not wait for a disk.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace edge {

/// pread() of bytes that are in memory. -1 with errno EAGAIN, or EOPNOTSUPP where the file system cannot tell, when it
/// might have to wait. Files of a tmpfs are always in memory, though the kernel does not say so of them.
ssize_t read_from_memory(int fd, char* to, std::size_t size, std::uint64_t offset);

}  // namespace edge
