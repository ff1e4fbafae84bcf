// Looking at the files of TLS without reading them.
#include "core/net/tls_file_state.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace edge {

std::string tls_file_state(std::span<const std::string> files) {
  std::string state;
  for (const std::string& file : files) {
    struct stat now{};
    if (::stat(file.c_str(), &now) != 0) continue;
    state +=
        fmt::format("{}:{}:{}:{}.{};", now.st_dev, now.st_ino, now.st_size, now.st_mtim.tv_sec, now.st_mtim.tv_nsec);
  }
  return state;
}

bool has_denied_file(std::span<const std::string> files) {
  return std::ranges::any_of(
      files, [](const std::string& file) { return ::access(file.c_str(), R_OK) != 0 && errno == EACCES; });
}

}  // namespace edge
