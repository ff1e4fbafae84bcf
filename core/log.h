// The error log: lines with a level, from any thread, never blocking a loop (a LogFile's thread writes them).
//
//   2026-11-21T10:55:00.123Z warn [blog] worker 2 (pid 4711) died of signal 11
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "core/result.h"

namespace edge {

class LogFile;

namespace log {

/// Sets where lines go and from which level on. Before the first call they go to standard error, unbuffered.
/// `to` must outlive every later line, or be replaced first; null returns to standard error.
void open(LogFile* to, LogLevel level);
LogLevel level();
/// Lines that are errors go to this non-blocking descriptor too, as much of them as it takes, up to 16 KiB in all; -1:
/// no more. It stays the caller's, and is not used after the call that replaces it.
void copy_errors_to(int descriptor);

/// One line; `text` may hold anything: control bytes are escaped, a newline begins a line that is marked as continued.
void line(LogLevel level, std::string_view text);

template <class... Args>
void write(LogLevel at, fmt::format_string<Args...> format, Args&&... args) {
  if (at < level()) return;
  line(at, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(LogLevel::debug, format, std::forward<Args>(args)...);
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(LogLevel::info, format, std::forward<Args>(args)...);
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(LogLevel::warn, format, std::forward<Args>(args)...);
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(LogLevel::error, format, std::forward<Args>(args)...);
}

}  // namespace log
}  // namespace edge
