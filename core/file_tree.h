// FileTree: one look at the files of a program, and how two looks differ. The gateway inside Python carries a copy of
// this file's code, so it needs nothing of core.
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace edge {

/// What a file is recognised by. Times are nanoseconds since the epoch.
struct FileState {
  std::int64_t modified = 0;
  std::int64_t changed = 0;  // moves too when a file is renamed into place or unpacked with an old `modified`
  std::int64_t size = 0;     // bytes
  bool operator==(const FileState&) const = default;
};

struct SeenFile {
  std::string path;
  FileState state;
};

/// Of a regular file, links followed. Nothing: there is none (errno 0 or what says so), or it cannot be looked at.
std::optional<FileState> file_state(const std::string& path);

/// "PATH changed", "PATH is new" or "PATH is gone" for the first path that differs; empty: both are the same. Both must
/// be in the order of their paths, as FileTree gives them.
std::string first_difference(const std::vector<SeenFile>& before, const std::vector<SeenFile>& now);

/// One look: made, added to, taken from, by one thread. It blocks as long as the file system does, so never on a loop.
/// What this process may not read is passed over, and named in denied().
class FileTree {
 public:
  struct Limits {
    std::size_t files = 0;    // found
    std::size_t entries = 0;  // names read in folders, found or left out
  };
  struct Entry {
    std::string name;
    bool is_folder = false;
    bool is_link = false;  // then it is not known what to
  };

  /// Once `unwanted` turns true the look ends early, incomplete. It must outlive the look.
  explicit FileTree(Limits limits, const std::atomic<bool>* unwanted = nullptr)
      : limits_(limits), unwanted_(unwanted) {}

  /// That file, if there is one now, is not found beneath a folder, by whatever path.
  void leave_out(const std::string& path);

  /// A regular file: itself, whatever its name is. A folder: every regular file beneath it, links followed, each folder
  /// once; but no hidden entry except `.env…`, nothing in `__pycache__`, `node_modules` and virtual environments, and
  /// no file whose name says that programs write it and do not read code from it (databases, logs, sockets, compiled
  /// code).
  void add(const std::string& path);

  /// The names in a folder, without `.` and `..`, in order.
  std::vector<Entry> entries(const std::string& folder);

  /// Whether a folder of that name is part of the one that it is in.
  static bool belongs(std::string_view folder_name);

  std::size_t size() const { return files_.size(); }
  /// false: a limit was reached, and there may be more.
  bool is_complete() const { return complete_; }
  /// "PATH: REASON" of the first folder or file that could not be looked at, though it may be there: no descriptors
  /// left, a disk or server that fails. Then the look ended there, and what was not found may exist. Empty: there is
  /// none.
  const std::string& failure() const { return failure_; }
  /// Folders and names that it may not look into or at. What is there may exist all the same.
  const std::vector<std::string>& denied() const { return denied_; }
  /// What was found, in the order of the paths, each once. Ends the look.
  std::vector<SeenFile> take();

 private:
  using Identity = std::pair<dev_t, ino_t>;

  bool may_go_on();
  void not_seen(const std::string& path, int reason);
  bool is_first_visit(int folder, const std::string& path);
  std::vector<Entry> entries_of(DIR* folder, const std::string& path);
  void add_folder(const std::string& path, bool is_beneath, std::vector<std::string>& pending);
  void add_entry(int folder, const std::string& path, const Entry& entry, std::vector<std::string>& subfolders);

  Limits limits_;
  const std::atomic<bool>* unwanted_;
  std::size_t entries_read_ = 0;
  bool complete_ = true;
  std::string failure_;
  std::vector<std::string> denied_;  // as many at most as names were read, and paths added
  std::vector<SeenFile> files_;
  std::vector<Identity> visited_;  // in order
  std::vector<Identity> left_out_;
};

}  // namespace edge
