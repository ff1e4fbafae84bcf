// Looking again now and then, and dropping what was not asked for since the last round.
#include "static/hot_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

namespace edge {

namespace {

constexpr std::uint64_t kEntryOverhead = 256;  // bytes: list, table, and what the allocator adds
constexpr std::uint64_t kLargestShare = 4;     // no file takes more than this part of the memory

}  // namespace

bool HotFiles::is_unchanged(const Entry& entry, int directory) {
  struct stat status;
  const FileFacts& facts = entry.version->facts();
  return fstatat(directory, entry.path.c_str(), &status, 0) == 0 && is_same(facts, status);
}

/// A file that is open can be written to; what is in memory stays what it is.
bool HotFiles::is_believable(const FileVersion& version) {
  const auto* const file = std::get_if<SharedFd>(&version.plain().content);
  return !file || is_untouched(file->get(), version.facts());
}

std::shared_ptr<FileVersion> HotFiles::find(const Place& place, std::uint64_t now) {
  const auto found = by_place_.find(Key{place.owner, place.path});
  if (found == by_place_.end()) return nullptr;
  Entry& entry = *found->second;
  if (!is_believable(*entry.version)) {
    remove(found->second);
    return nullptr;
  }
  if (now - entry.looked_at >= valid_) {
    if (!is_unchanged(entry, place.directory)) {
      remove(found->second);
      return nullptr;
    }
    entry.looked_at = now;
    if (entry.version->has_neighbours()) entry.version = entry.version->without_neighbours();
    count(entry);
  }
  entry.used = true;
  return entry.version;
}

void HotFiles::keep(const Place& place, const std::shared_ptr<FileVersion>& version, std::uint64_t now,
                    std::int64_t unix_now) {
  const FileFacts& facts = version->facts();
  const bool was_cold = facts.size <= FileVersion::kMostInMemory && version->plain().is_open_file();
  const bool is_large = version->memory() > most_memory_ / kLargestShare;
  if (was_cold || is_large || facts.modified > unix_now - kSettled) return;
  if (const auto before = by_place_.find(Key{place.owner, place.path}); before != by_place_.end()) {
    remove(before->second);
  }
  entries_.push_front({.owner = place.owner, .path = std::string(place.path), .version = version, .looked_at = now});
  Entry& kept = entries_.front();
  by_place_.emplace(Key{kept.owner, kept.path}, entries_.begin());
  count(kept);
  make_room();
}

void HotFiles::recount(const Place& place) {
  const auto found = by_place_.find(Key{place.owner, place.path});
  if (found == by_place_.end()) return;
  count(*found->second);
  make_room();
}

void HotFiles::begin_anew(std::uint64_t memory) {
  while (!entries_.empty()) remove(entries_.begin());
  most_memory_ = memory;
}

void HotFiles::drop_open_files() {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (entry->descriptors > 0) remove(entry);
    entry = next;
  }
}

void HotFiles::count(Entry& entry) {
  memory_ -= std::exchange(entry.memory, kEntryOverhead + entry.path.capacity() + entry.version->memory());
  memory_ += entry.memory;
  descriptors_ -= std::exchange(entry.descriptors, entry.version->descriptors());
  descriptors_ += entry.descriptors;
}

void HotFiles::remove(Entries::iterator entry) {
  memory_ -= entry->memory;
  descriptors_ -= entry->descriptors;
  by_place_.erase(Key{entry->owner, entry->path});
  entries_.erase(entry);
}

/// Each entry that was asked for since the last round gets another one.
void HotFiles::make_room() {
  while (!entries_.empty() && (memory_ > most_memory_ || descriptors_ > kMostOpen)) {
    const auto last = std::prev(entries_.end());
    if (std::exchange(last->used, false)) {
      entries_.splice(entries_.begin(), entries_, last);
    } else {
      remove(last);
    }
  }
}

}  // namespace edge
