// Looking again now and then, and dropping what was not asked for since the last round.
#include "static/hot_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

namespace edge {

namespace {

constexpr std::uint64_t kEntryOverhead = 256;  // bytes: list, table, and what the allocator adds
constexpr std::uint64_t kLargestShare = 4;     // no file takes more than this part of the memory

bool was_cold(const FileVersion& version) {
  return version.facts().size <= FileVersion::kMostInMemory && version.plain().is_open_file();
}

}  // namespace

/// By the way that opened it: a folder on that way may be a link to elsewhere by now.
bool HotFiles::is_unchanged(const Entry& entry, const Place& place) {
  struct stat status;
  const FileFacts& facts = entry.version->facts();
  if (place.links == Links::always) {
    return fstatat(place.directory, entry.path.c_str(), &status, 0) == 0 && is_same(facts, status);
  }
  const int opened = open_beneath(place.directory, entry.path.c_str(), O_PATH, place.step, place.links);
  if (opened < 0) return false;
  const UniqueFd file(opened);
  return fstat(file.get(), &status) == 0 && is_same(facts, status);
}

/// What changed so lately can change once more within the same tick, which no time would tell; and a small file that
/// was not in the page cache is better read when it is.
bool HotFiles::is_brief(const FileVersion& version, std::int64_t unix_now) const {
  return version.facts().changed > unix_now - settled_ || was_cold(version);
}

std::shared_ptr<FileVersion> HotFiles::find(const Place& place, std::uint64_t now) {
  const auto found = by_place_.find(Key{place.owner, place.path});
  if (found == by_place_.end()) return nullptr;
  Entry& entry = *found->second;
  if (!entry.version->is_untouched()) {
    remove(found->second);
    return nullptr;
  }
  const bool is_due = now - entry.looked_at >= valid_;
  const bool is_over = is_due && entry.is_brief;
  if (is_over || ((is_due || entry.is_brief) && !is_unchanged(entry, place))) {
    remove(found->second);
    return nullptr;
  }
  if (is_due) {
    entry.looked_at = now;
    if (entry.version->has_neighbours()) entry.version = entry.version->without_neighbours();
    count(entry);
  }
  entry.used = true;
  return entry.version;
}

std::shared_ptr<FileVersion> HotFiles::keep(const Place& place, std::shared_ptr<FileVersion> version, std::uint64_t now,
                                            std::int64_t unix_now) {
  if (const auto before = by_place_.find(Key{place.owner, place.path}); before != by_place_.end()) {
    const Entry& entry = *before->second;
    if (entry.version->facts() == version->facts() && now - entry.looked_at < valid_) return entry.version;
    remove(before->second);
  }
  const bool brief = is_brief(*version, unix_now);
  const bool is_large = version->memory() > most_memory_ / kLargestShare;
  if (is_large || (brief && !version->manner().compressible)) return version;
  entries_.push_front(
      {.owner = place.owner, .path = std::string(place.path), .version = version, .looked_at = now, .is_brief = brief});
  Entry& kept = entries_.front();
  by_place_.emplace(Key{kept.owner, kept.path}, entries_.begin());
  count(kept);
  make_room();
  return version;
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
