// Reading /proc, without the cost of streams.
#include "appserver/kernel_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "core/unique_fd.h"

namespace edge {
namespace {

/// The beginning of a file, as far as it fits.
std::string_view read_into(char* buffer, std::size_t size, const char* path) {
  const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC));
  std::size_t length = 0;
  while (file && length < size) {
    const ssize_t got = read(file.get(), buffer + length, size - length);
    if (got <= 0) break;
    length += static_cast<std::size_t>(got);
  }
  return {buffer, length};
}

std::optional<std::uint64_t> number_at(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc() ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> resident_bytes(pid_t pid) {
  static const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/statm", pid);
  char buffer[128];
  const std::string_view text = read_into(buffer, sizeof buffer, path);  // "size resident shared …" in pages
  const std::size_t space = text.find(' ');
  if (space == text.npos) return std::nullopt;
  const std::optional<std::uint64_t> pages = number_at(text.substr(space + 1));
  return pages ? std::optional(*pages * page) : std::nullopt;
}

std::uint64_t out_of_memory_kills() {
  constexpr std::string_view kName = "\noom_kill ";
  char buffer[16 * 1024];
  const std::string_view text = read_into(buffer, sizeof buffer, "/proc/vmstat");
  const std::size_t at = text.find(kName);
  return at == text.npos ? 0 : number_at(text.substr(at + kName.size())).value_or(0);
}

std::uint64_t data_limit(const config::App& app) {
  constexpr std::uint64_t kLeastAbove = 256ULL << 20;
  constexpr std::uint64_t kStack = 8ULL << 20;  // what libc reserves for a thread
  if (app.max_memory == 0) return 0;
  return app.max_memory + std::max(app.max_memory, kLeastAbove) + app.threads * kStack;
}

}  // namespace edge
