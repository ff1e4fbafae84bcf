// One sum a thread.
#include "core/http/spool_memory.h"

namespace edge {

namespace {

thread_local std::size_t taken = 0;  // by all of this thread

}  // namespace

bool SpoolMemory::reach(std::size_t bytes) {
  if (bytes <= size_) return true;
  const std::size_t more = bytes - size_;
  if (more > kMost - taken) return false;
  taken += more;
  size_ = bytes;
  return true;
}

void SpoolMemory::give_back() {
  taken -= size_;
  size_ = 0;
}

}  // namespace edge
