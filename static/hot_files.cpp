// Small files in memory, looked at before each use.
#include "static/hot_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace edge {

namespace {

bool is_unchanged(const HotFile& file, const struct stat& status) {
  return status.st_ino == file.inode && static_cast<std::uint64_t>(status.st_size) == file.facts.size &&
         status.st_mtim.tv_sec == file.facts.modified &&
         static_cast<std::uint32_t>(status.st_mtim.tv_nsec) == file.facts.modified_ns;
}

}  // namespace

const HotFile* HotFiles::find(std::string_view path, int directory) const {
  const HotFile& file = (*places_)[place_of(path)];
  if (!file.filled || file.path != path) return nullptr;
  struct stat status;
  if (fstatat(directory, file.path.c_str(), &status, 0) != 0 || !is_unchanged(file, status)) return nullptr;
  return &file;
}

void HotFiles::note(std::string_view path, int fd, const FileFacts& facts, std::string_view type, std::uint64_t now,
                    std::int64_t unix_now) {
  if (path.empty() || path.ends_with('/') || facts.size > kLargest || facts.modified > unix_now - kSettled) return;
  HotFile& file = (*places_)[place_of(path)];
  if (file.path == path && now - file.noted < kWithin) return fill(file, fd, facts, type);
  file.path = path;
  file.noted = now;
  file.filled = false;
}

void HotFiles::fill(HotFile& file, int fd, const FileFacts& facts, std::string_view type) {
  struct stat status;
  file.content.resize(facts.size);
  const iovec into{file.content.data(), file.content.size()};
  const ssize_t got = facts.size == 0 ? 0 : preadv2(fd, &into, 1, 0, RWF_NOWAIT);
  file.filled = got == static_cast<ssize_t>(facts.size) && fstat(fd, &status) == 0;
  if (!file.filled) return;
  file.facts = facts;
  file.inode = status.st_ino;
  file.type = type;
  file.filled = is_unchanged(file, status);
}

}  // namespace edge
