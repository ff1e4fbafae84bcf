// RWF_NOWAIT, and the file systems that do not know it.
#include "core/page_cache.h"

#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

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

}  // namespace edge
