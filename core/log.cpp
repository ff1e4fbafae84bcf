// The error log: the line's form, and where it goes.
#include "core/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <mutex>

#include "core/escape.h"
#include "core/log_file.h"

namespace edge::log {
namespace {

std::atomic<LogLevel> least_level{LogLevel::info};
constinit std::mutex target_mutex;  // held while a line is handed over, so that open() can wait for the last of them
constinit LogFile* target = nullptr;
constinit int copy_to = -1;           // guarded by target_mutex, as is what may still be copied
constinit std::size_t copy_left = 0;  // bytes
constexpr std::size_t kMostCopied = 16 * 1024;

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      break;
  }
  return "error";
}

/// "2026-11-21T10:55:00.123Z"; the seconds are made anew only when they change.
void append_time(std::string& to) {
  struct Second {
    std::time_t of = -1;
    std::array<char, 32> text{};
    std::size_t size = 0;
  };
  thread_local Second second;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (second.of != now.tv_sec) {
    std::tm time{};
    gmtime_r(&now.tv_sec, &time);
    second.size = std::strftime(second.text.data(), second.text.size(), "%Y-%m-%dT%H:%M:%S", &time);
    second.of = now.tv_sec;
  }
  to.append(second.text.data(), second.size);
  fmt::format_to(std::back_inserter(to), ".{:03}Z", now.tv_nsec / 1'000'000);
}

void append_text(std::string_view text, std::string& to) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  while (true) {
    const std::size_t end = text.find('\n');
    append_printable(text.substr(0, end), to);
    to.push_back('\n');
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
    to.append("  | ");
  }
}

void copy_error(std::string_view line) {
  const ssize_t written = ::write(copy_to, line.data(), std::min(line.size(), copy_left));
  if (written > 0) copy_left -= static_cast<std::size_t>(written);
}

void write_to_stderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void open(LogFile* to, LogLevel level) {
  least_level.store(level, std::memory_order_relaxed);
  const std::lock_guard lock(target_mutex);
  target = to;
}

void copy_errors_to(int descriptor) {
  const std::lock_guard lock(target_mutex);
  copy_to = descriptor;
  copy_left = kMostCopied;
}

LogLevel level() {
  return least_level.load(std::memory_order_relaxed);
}

void line(LogLevel at, std::string_view text) {
  if (at < level()) return;
  std::string whole;
  whole.reserve(text.size() + 64);
  append_time(whole);
  whole.append(" ").append(name_of(at)).append(" ");
  append_text(text, whole);
  const LogFile::Urgency urgency = at >= LogLevel::warn ? LogFile::Urgency::prompt : LogFile::Urgency::batched;
  const std::lock_guard lock(target_mutex);
  if (copy_to >= 0 && copy_left > 0 && at == LogLevel::error) copy_error(whole);
  if (target) {
    target->append(whole, urgency);
  } else {
    write_to_stderr(whole);
  }
}

}  // namespace edge::log
