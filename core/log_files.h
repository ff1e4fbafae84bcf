// LogFiles: the log files of the process by path, so that two logs of one path share one file and one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/log_file.h"

namespace edge {

/// For the main thread. Files stay open until it is destroyed; then no log may write to them any more, the error log
/// (log::open()) included.
class LogFiles {
 public:
  /// The file that is open already under that very path, or a new one.
  Result<LogFile*> open(const std::string& where);
  /// Every file, as LogFile::reopen().
  void reopen();
  /// How that has ended: what went wrong, a text for each file; nothing while it is under way.
  std::optional<std::vector<std::string>> reopened() const;

 private:
  std::vector<std::unique_ptr<LogFile>> files_;
};

}  // namespace edge
