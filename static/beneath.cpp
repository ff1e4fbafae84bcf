// openat2 and its stand-in.
#include "static/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "core/unique_fd.h"

namespace edge {

namespace {

constexpr std::uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;

std::uint64_t resolve_flags(Links links) {
  switch (links) {
    case Links::inside:
      return kBeneath;
    case Links::never:
      return kBeneath | RESOLVE_NO_SYMLINKS;
    case Links::always:
      return RESOLVE_NO_MAGICLINKS;
  }
  return kBeneath;
}

/// Whether a path leads out by itself, before any link is looked at.
bool leads_out(std::string_view path) {
  return path.starts_with('/') || path == ".." || path.starts_with("../") || path.ends_with("/..") ||
         path.find("/../") != path.npos;
}
constexpr int kMostTries = 4;

/// openat2 refuses flags that mean nothing to O_PATH.
int with_safe_flags(int flags) {
  return flags | ((flags & O_PATH) != 0 ? O_CLOEXEC : O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

int openat2(int directory, const char* path, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = resolve;
  const long fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

/// EAGAIN here means that a ".." or a mount point moved during the walk: the walk is worth another try.
int openat2_to_the_end(int directory, const char* path, int flags, std::uint64_t resolve) {
  int fd = -EAGAIN;
  for (int i = 0; i < kMostTries && (fd == -EAGAIN || fd == -EINTR); ++i) fd = openat2(directory, path, flags, resolve);
  return fd;
}

int open_segment(int directory, std::string_view segment, int flags) {
  char name[NAME_MAX + 1];
  if (segment.size() > NAME_MAX) return -ENAMETOOLONG;
  if (segment == "..") return -EXDEV;
  std::memcpy(name, segment.data(), segment.size());
  name[segment.size()] = '\0';
  const int fd = openat(directory, name, flags | O_NOFOLLOW);
  return fd < 0 ? -errno : fd;
}

int open_by_segment(int directory, std::string_view path, int flags) {
  if (path.starts_with('/')) return -EXDEV;
  UniqueFd parent;
  for (;;) {
    const std::size_t slash = path.find('/');
    const int from = parent ? parent.get() : directory;
    if (slash == path.npos) return open_segment(from, path, flags);
    const int next = open_segment(from, path.substr(0, slash), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (next < 0) return next;
    parent = UniqueFd(next);
    path.remove_prefix(slash + 1);
  }
}

int open_anywhere(int directory, const char* path, int flags) {
  const int fd = openat(directory, path, flags);
  return fd < 0 ? -errno : fd;
}

}  // namespace

OpenSupport probe_open_support() {
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const UniqueFd plain(openat2_to_the_end(AT_FDCWD, ".", kFlags, kBeneath));
  if (!plain) return {};
  const int cached = openat2(AT_FDCWD, ".", kFlags, kBeneath | RESOLVE_CACHED);
  if (cached >= 0) ::close(cached);
  return {cached >= 0 || cached == -EAGAIN, OpenStep::complete};
}

int open_beneath(int directory, const char* path, int flags, OpenStep step, Links links) {
  flags = with_safe_flags(flags);
  if (links == Links::always && leads_out(path)) return -EXDEV;
  switch (step) {
    case OpenStep::cached:
      return openat2(directory, path, flags, resolve_flags(links) | RESOLVE_CACHED);
    case OpenStep::complete:
      return openat2_to_the_end(directory, path, flags, resolve_flags(links));
    case OpenStep::by_segment:
      return links == Links::always ? open_anywhere(directory, path, flags) : open_by_segment(directory, path, flags);
  }
  return -EINVAL;
}

int open_directory(const char* path, OpenStep step) {
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  if (step == OpenStep::cached) return openat2(AT_FDCWD, path, kFlags, RESOLVE_CACHED);
  const int fd = open(path, kFlags);
  return fd < 0 ? -errno : fd;
}

}  // namespace edge
