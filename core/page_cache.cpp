// RWF_NOWAIT, and the file systems that do not know it.
#include "core/page_cache.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace edge {

ssize_t read_from_memory(int fd, char* to, std::size_t size, std::uint64_t offset) {
  const iovec into{to, size};
  const ssize_t got = preadv2(fd, &into, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (got >= 0 || errno != EOPNOTSUPP) return got;
  struct statfs facts;
  const bool in_memory = fstatfs(fd, &facts) == 0 && facts.f_type == TMPFS_MAGIC;
  if (in_memory) return pread(fd, to, size, static_cast<off_t>(offset));
  errno = EOPNOTSUPP;
  return -1;
}

bool is_in_memory(int fd, std::uint64_t offset, std::uint64_t size) {
  char byte;
  for (std::uint64_t at = 0; at < size; at += kProbeDistance) {
    if (read_from_memory(fd, &byte, 1, offset + at) < 0) return false;
  }
  return size == 0 || read_from_memory(fd, &byte, 1, offset + size - 1) >= 0;
}

bool bring_to_memory(int fd, std::uint64_t offset, std::uint64_t size) {
  char bytes[32 * 1024];
  readahead(fd, static_cast<off64_t>(offset), size);  // what it cannot do is read below
  for (std::uint64_t done = 0; done < size;) {
    const std::size_t most = std::min<std::uint64_t>(sizeof bytes, size - done);
    const ssize_t got = pread(fd, bytes, most, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    done += static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace edge
