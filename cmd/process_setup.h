// What the process does to itself before it serves: descriptor limit, pid file, runtime folder, user.
#pragma once

#include <string>

#include "config/snapshot.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// The soft limit of open files becomes the hard one; a warning when it is below what max_connections needs.
void raise_file_limit(const config::Process& process);

/// Writes the pid; removes the file when destroyed (empties it where the folder may not be written any more).
class PidFile {
 public:
  PidFile() = default;
  /// `open`: the file as an edge that is upgraded has it open, perhaps from the days when it was root; used while it is
  /// the one at `path`.
  static Result<PidFile> write(const std::string& path, UniqueFd open = {});
  PidFile(PidFile&& other) noexcept : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}
  PidFile& operator=(PidFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(file_, other.file_);
    return *this;
  }
  ~PidFile();

  /// Empty when there is none.
  const std::string& path() const { return path_; }
  int descriptor() const { return file_.get(); }
  /// The file belongs to another process from now on.
  void forget() { path_.clear(); }

 private:
  std::string path_;
  UniqueFd file_;
};

/// The private folder (mode 0700) for spooled bodies: the configured one, which is kept, or a new one below the
/// system's temporary folder, which is removed when destroyed.
class RuntimeDir {
 public:
  RuntimeDir() = default;
  static Result<RuntimeDir> make(const config::Process& process);
  RuntimeDir(RuntimeDir&& other) noexcept
      : path_(std::exchange(other.path_, {})), temporary_(std::exchange(other.temporary_, false)) {}
  RuntimeDir& operator=(RuntimeDir&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(temporary_, other.temporary_);
    return *this;
  }
  ~RuntimeDir();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool temporary_ = false;
};

/// edge.state_dir, mode 0700, for the user that edge becomes. Nothing when none is named. Before drop_privileges().
Result<void> make_state_dir(const config::Process& process);

/// Becomes edge.user and edge.group for good. Only when started as root; else a warning if another user was asked for.
/// When an app runs as someone else, and only then, the rights to start processes as any user and to signal them stay:
/// with this thread, and with those that it starts later.
Result<void> drop_privileges(const config::Snapshot& snapshot);

}  // namespace edge
