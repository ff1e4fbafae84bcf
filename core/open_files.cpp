// RLIMIT_NOFILE of this process and of those it starts.
#include "core/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace edge {
namespace {

rlim_t started_with = 0;  // 0: not raised

}  // namespace

std::uint64_t raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (started_with == 0) started_with = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

void restore_open_files(std::uint64_t at_least) {
  rlimit limit{};
  if (started_with == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min(std::max<rlim_t>(started_with, at_least), limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace edge
