// One open and one fstat for a file; for a folder the same for each index name until one is there.
#include "static/resolve.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstring>

namespace edge {

namespace {

/// A path for the kernel, joined on the stack.
class KernelPath {
 public:
  /// False when it is longer than the kernel takes.
  bool assign(std::string_view first, std::string_view second) {
    if (first.size() + second.size() >= sizeof text_) return false;
    append(first);
    append(second);
    if (at_ == text_) append(".");
    *at_ = '\0';
    return true;
  }
  const char* c_str() const { return text_; }

 private:
  void append(std::string_view part) {
    if (part.empty()) return;
    std::memcpy(at_, part.data(), part.size());
    at_ += part.size();
  }
  char text_[PATH_MAX];
  char* at_ = text_;
};

Resolved outcome_of(Resolved::Outcome outcome, int error = 0) {
  Resolved resolved;
  resolved.outcome = outcome;
  resolved.error = error;
  return resolved;
}

Resolved failed(int error) {
  return outcome_of(Resolved::Outcome::failed, error);
}

Resolved not_opened(int error, OpenStep step) {
  if (error == EAGAIN && step == OpenStep::cached) return outcome_of(Resolved::Outcome::waits);
  return failed(error);
}

FileFacts facts_of(const struct stat& status) {
  return {static_cast<std::uint64_t>(status.st_size),
          status.st_mtim.tv_sec,
          static_cast<std::uint32_t>(status.st_mtim.tv_nsec),
          status.st_ino,
          status.st_ctim.tv_sec,
          static_cast<std::uint32_t>(status.st_ctim.tv_nsec)};
}

Resolved open_file(int directory, const char* path, OpenStep step, Links links) {
  const int fd = open_beneath(directory, path, O_RDONLY, step, links);
  if (fd < 0) return not_opened(-fd, step);
  Resolved resolved;
  resolved.fd = UniqueFd(fd);
  struct stat status;
  if (fstat(fd, &status) != 0) return failed(errno);
  if (S_ISDIR(status.st_mode)) {
    resolved.outcome = Resolved::Outcome::directory;
  } else if (S_ISREG(status.st_mode)) {
    resolved.outcome = Resolved::Outcome::file;
    resolved.facts = facts_of(status);
  } else {
    return failed(ENOENT);
  }
  return resolved;
}

bool is_absence(int error) {
  return error == ENOENT || error == ENOTDIR || error == ENXIO || error == ELOOP || error == EXDEV;
}

/// Whether there is nothing by that name to serve, so that the next index name has its turn.
bool is_absent(const Resolved& resolved) {
  return resolved.outcome == Resolved::Outcome::directory ||
         (resolved.outcome == Resolved::Outcome::failed && is_absence(resolved.error));
}

/// A descriptor for what is there (O_PATH), or a negated errno.
int find(int directory, const Wanted& wanted, OpenStep step) {
  KernelPath path;
  std::string_view name = wanted.path;
  if (name.ends_with('/')) name.remove_suffix(1);
  if (!path.assign(name, {})) return -ENAMETOOLONG;
  return open_beneath(directory, path.c_str(), wanted.folder ? O_PATH | O_DIRECTORY : O_PATH, step, wanted.links);
}

Resolved resolve_folder(int directory, const Wanted& wanted, OpenStep step) {
  for (const std::string& name : wanted.index) {
    KernelPath path;
    if (!path.assign(wanted.path, name)) return failed(ENAMETOOLONG);
    Resolved resolved = open_file(directory, path.c_str(), step, wanted.links);
    if (is_absent(resolved)) continue;
    resolved.name = name;
    return resolved;
  }
  const int fd = find(directory, wanted, step);
  if (fd < 0) return not_opened(-fd, step);
  ::close(fd);
  return outcome_of(Resolved::Outcome::no_index);
}

}  // namespace

bool is_same(const FileFacts& facts, const struct stat& status) {
  return facts_of(status) == facts;
}

bool is_untouched(int fd, const FileFacts& facts) {
  struct stat status;
  return fstat(fd, &status) == 0 && is_same(facts, status);
}

Resolved resolve(int directory, const Wanted& wanted, OpenStep step) {
  if (wanted.folder) return resolve_folder(directory, wanted, step);
  KernelPath path;
  if (!path.assign(wanted.path, {})) return failed(ENAMETOOLONG);
  Resolved resolved = open_file(directory, path.c_str(), step, wanted.links);
  resolved.name = wanted.path;
  return resolved;
}

bool PooledSight::operator()() const {
  const UniqueFd found(find(directory->get(), wanted, step));
  return static_cast<bool>(found);
}

}  // namespace edge
