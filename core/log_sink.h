// LogSink: where a log's bytes go, one attempt at a time. Waiting, repeating and reporting are LogFile's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/duration.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

class LogSink {
 public:
  /// "stdout", "stderr" (a duplicate of the descriptor) or a path (for appending, made with mode 0640 where there is
  /// none). A named pipe must have a reader. An error names the path and the reason.
  static Result<LogSink> open(const std::string& where);

  /// Writes the beginning of `lines`: the bytes taken, or a negated errno; -EAGAIN when a pipe or socket is full.
  /// Waits for nothing but a disk. Pieces for a pipe end with a line where they can, and are of at most PIPE_BUF
  /// bytes: the kernel mixes no other writer's bytes into those.
  ssize_t write_some(std::string_view lines) const;

  /// Waits until a full pipe or socket takes more, or the time is over.
  void wait_writable(Milliseconds at_most) const;

 private:
  enum class Kind : std::uint8_t { file, pipe, socket };
  LogSink(UniqueFd fd, Kind kind) : fd_(std::move(fd)), kind_(kind) {}
  bool writable_within(Milliseconds at_most) const;

  UniqueFd fd_;
  Kind kind_;
};

}  // namespace edge
