// Reading /proc/PID/statm.
#include "appserver/kernel_memory.h"

#include <unistd.h>

#include <cstdio>
#include <string>

namespace edge {

std::optional<std::uint64_t> resident_bytes(pid_t pid) {
  FILE* const file = std::fopen(("/proc/" + std::to_string(pid) + "/statm").c_str(), "re");
  if (!file) return std::nullopt;
  unsigned long size = 0;
  unsigned long resident = 0;
  const int found = std::fscanf(file, "%lu %lu", &size, &resident);
  std::fclose(file);
  if (found != 2) return std::nullopt;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace edge
