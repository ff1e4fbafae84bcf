// LogFile: a path, stdout or stderr, written by a thread of its own so that no loop ever waits for a disk or a pipe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace edge {

class LogFile {
 public:
  /// "stdout", "stderr" or a path (opened for appending, mode 0640). An error names the path and the reason.
  static Result<std::unique_ptr<LogFile>> open(const std::string& where);
  /// Writes out everything that was appended, then ends the thread. What a full disk, or a pipe that takes nothing
  /// for two seconds, does not accept is given up, and the error log says how many bytes.
  ~LogFile();

  /// When a batch is written: within 100 ms (at once when there is much), or as soon as the thread can.
  enum class Urgency : std::uint8_t { batched, prompt };

  /// From any thread: whole lines. Copied; returns at once. When more than kMostWaiting bytes wait for a stalled
  /// disk or pipe, lines are dropped and counted, and the error log says how many as soon as writing goes on.
  void append(std::string_view lines, Urgency urgency = Urgency::batched);
  /// From any thread: opens the path again (after logrotate moved it), soon. What was appended before goes to the old
  /// file if that can be written, what is appended from now on to the new one. A path that cannot be opened keeps the
  /// old file and is logged as an error.
  void reopen();
  /// From any thread: how the last reopen() has ended, nothing while it has not. An empty text: well.
  std::optional<std::string> reopened() const;
  /// Waits until all that was appended is written; for the end of the process and for tests, never on a loop. False
  /// when it cannot be written at present: an attempt failed meanwhile, or five seconds went by.
  bool flush();
  const std::string& where() const;

  static constexpr std::size_t kMostWaiting = 64 << 20;

 private:
  class Writer;
  explicit LogFile(std::unique_ptr<Writer> writer);
  std::unique_ptr<Writer> writer_;
};

}  // namespace edge
