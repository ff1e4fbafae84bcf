// HotFiles: the files that a loop has served lately, so that a hit neither opens, reads nor closes anything, and mostly
// makes no call of the kernel at all. Bounded by memory and by open files; what was asked for least lately goes first.
//
// An entry is believed for `valid` after it was looked at. Then it is looked at again: its facts, and a file that was
// changed, replaced or removed is gone from here. So nothing is served that is older than that.
//
// A file that changed a moment ago is kept only where it may be compressed, so that this is done once for all who ask
// at a time: it is looked at for each of them, and let go after `valid`.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/duration.h"
#include "static/file_version.h"

namespace edge {

/// One for each loop, shared by its handlers, on that loop's thread. Outlives them.
class HotFiles {
 public:
  static constexpr Milliseconds kValid{1'000};
  static constexpr std::uint64_t kMostOpen = 512;  // files
  static constexpr std::int64_t kSettled = 2;      // seconds: what changed later may change again unseen, for file
                                                   // systems count time in ticks

  /// `memory`: bytes in all; 0 keeps nothing. `settled`: in seconds.
  explicit HotFiles(std::uint64_t memory, Milliseconds valid = kValid, std::int64_t settled = kSettled)
      : most_memory_(memory), valid_(static_cast<std::uint64_t>(valid.count())), settled_(settled) {}
  HotFiles(const HotFiles&) = delete;
  HotFiles& operator=(const HotFiles&) = delete;

  /// From any thread: a name for the files of one directory; a new one each time.
  std::uint32_t new_owner() { return ++last_owner_; }

  /// Where a file is: the path below a directory that is open.
  struct Place {
    std::uint32_t owner = 0;
    int directory = -1;
    std::string_view path;        // a file's; a folder's has its index file's name at the end
    Links links = Links::always;  // which may be on the way
    OpenStep step = OpenStep::cached;
  };
  /// The version that is there, or null. `now` is Loop::now().
  std::shared_ptr<FileVersion> find(const Place& place, std::uint64_t now);
  /// Keeps what was just found there, unless it takes too much or must not be kept. Returns what to answer with: the
  /// same version, or, where another request was quicker, that one's. `unix_now` is in seconds since the epoch.
  std::shared_ptr<FileVersion> keep(const Place& place, std::shared_ptr<FileVersion> version, std::uint64_t now,
                                    std::int64_t unix_now);
  /// The version that may be kept under that place has got another form.
  void recount(const Place& place);
  /// Drops everything. From now on it takes as much memory as this.
  void begin_anew(std::uint64_t memory);
  /// No descriptors are left: closes all that nobody uses at present.
  void drop_open_files();

  std::size_t size() const { return entries_.size(); }
  std::uint64_t memory() const { return memory_; }

 private:
  struct Key {
    std::uint32_t owner;
    std::string_view path;  // in the entry
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const { return std::hash<std::string_view>()(key.path) + key.owner; }
  };
  struct Entry {
    std::uint32_t owner;
    std::string path;
    std::shared_ptr<FileVersion> version;
    std::uint64_t looked_at = 0;  // Loop::now()
    std::uint64_t memory = 0;
    std::uint64_t descriptors = 0;
    bool used = false;      // since it was passed over last
    bool is_brief = false;  // looked at each time, and gone after `valid`
  };
  using Entries = std::list<Entry>;

  static bool is_unchanged(const Entry& entry, const Place& place);
  bool is_brief(const FileVersion& version, std::int64_t unix_now) const;
  void count(Entry& entry);
  void remove(Entries::iterator entry);
  void make_room();

  std::uint64_t most_memory_;
  std::uint64_t valid_;
  std::int64_t settled_;  // seconds
  std::atomic<std::uint32_t> last_owner_ = 0;
  std::uint64_t memory_ = 0;
  std::uint64_t descriptors_ = 0;
  Entries entries_;  // the next to be passed over or dropped at the end
  std::unordered_map<Key, Entries::iterator, KeyHash> by_place_;
};

}  // namespace edge
