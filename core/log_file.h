// LogFile: a path, stdout or stderr, written by a thread of its own so that no loop ever waits for a disk or a pipe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace edge {

class LogFile {
 public:
  /// "stdout", "stderr" or a path (opened for appending, mode 0640). An error names the path and the reason.
  static Result<std::unique_ptr<LogFile>> open(const std::string& where);
  /// Writes out everything that was appended, then ends the thread.
  ~LogFile();

  /// From any thread: whole lines. Copied; returns at once. When more than kMostWaiting bytes wait for a stalled
  /// disk or pipe, lines are dropped, counted, and the count is written as soon as writing goes on.
  void append(std::string_view lines);
  /// From any thread: opens the path again (after logrotate moved it). What cannot be opened keeps the old file and
  /// is logged as an error.
  void reopen();
  /// Waits until all that was appended is written; for the end of the process and for tests, never on a loop.
  void flush();
  const std::string& where() const;

  static constexpr std::size_t kMostWaiting = 64 << 20;

 private:
  struct State;
  explicit LogFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace edge
