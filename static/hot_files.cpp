// Small files in memory for a second.
#include "static/hot_files.h"

#include <sys/uio.h>

namespace edge {

const HotFile* HotFiles::find(std::string_view path, std::uint64_t now) const {
  const HotFile& file = (*places_)[place_of(path)];
  return file.filled && now < file.until && file.path == path ? &file : nullptr;
}

void HotFiles::note(std::string_view path, int fd, const FileFacts& facts, std::string_view type, std::uint64_t now) {
  if (facts.size > kLargest) return;
  HotFile& file = (*places_)[place_of(path)];
  if (file.path == path && now < file.until) return fill(file, fd, facts, type, now);
  file.path = path;
  file.filled = false;
  file.until = now + kFreshFor;
}

void HotFiles::fill(HotFile& file, int fd, const FileFacts& facts, std::string_view type, std::uint64_t now) {
  file.content.resize(facts.size);
  const iovec into{file.content.data(), file.content.size()};
  const ssize_t got = facts.size == 0 ? 0 : preadv2(fd, &into, 1, 0, RWF_NOWAIT);
  file.filled = got == static_cast<ssize_t>(facts.size);
  file.facts = facts;
  file.type = type;
  file.until = now + kFreshFor;
}

}  // namespace edge
