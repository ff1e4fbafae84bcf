// LogFiles: the log files of the process by path, so that two logs of one path share one file and one thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/log_file.h"

namespace edge {

/// For the main thread, but for open(). The end returns the error log to standard error.
class LogFiles {
 public:
  LogFiles() = default;
  LogFiles(const LogFiles&) = delete;
  LogFiles& operator=(const LogFiles&) = delete;
  ~LogFiles();

  /// From any thread: the file that is open already under that very path, or a new one. Blocks as long as the file
  /// system takes.
  Result<std::shared_ptr<LogFile>> open(const std::string& where);
  /// The error log goes to `file` from now on.
  void log_errors_to(std::shared_ptr<LogFile> file, LogLevel level);
  /// Hands out the files that nobody has any more but this. To end one may take seconds, where a pipe takes nothing.
  std::vector<std::shared_ptr<LogFile>> take_unused();
  /// Every file, as LogFile::reopen().
  void reopen();
  /// How that has ended: what went wrong, a text for each file; nothing while it is under way.
  std::optional<std::vector<std::string>> reopened() const;

 private:
  std::shared_ptr<LogFile> find(const std::string& where) const;

  mutable std::mutex mutex_;                     // not held while a file is opened
  std::vector<std::shared_ptr<LogFile>> files_;  // guarded by mutex_
  std::shared_ptr<LogFile> errors_;
};

}  // namespace edge
