// Log files shared by path.
#include "core/log_files.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/log.h"

namespace edge {

LogFiles::~LogFiles() {
  if (errors_) log::open(nullptr, LogLevel::info);
}

/// With the mutex held.
std::shared_ptr<LogFile> LogFiles::find(const std::string& where) const {
  const auto known = std::ranges::find_if(files_, [&where](const auto& file) { return file->where() == where; });
  return known == files_.end() ? nullptr : *known;
}

Result<std::shared_ptr<LogFile>> LogFiles::open(const std::string& where) {
  {
    const std::lock_guard lock(mutex_);
    if (std::shared_ptr<LogFile> known = find(where)) return known;
  }
  Result<std::unique_ptr<LogFile>> opened = LogFile::open(where);
  if (!opened) return std::unexpected(std::move(opened.error()));
  const std::lock_guard lock(mutex_);
  if (std::shared_ptr<LogFile> known = find(where)) return known;  // since a moment ago
  return files_.emplace_back(std::move(*opened));
}

void LogFiles::log_errors_to(std::shared_ptr<LogFile> file, LogLevel level) {
  log::open(file.get(), level);
  errors_ = std::move(file);
}

std::vector<std::shared_ptr<LogFile>> LogFiles::take_unused() {
  const std::lock_guard lock(mutex_);
  const auto unused = std::ranges::partition(files_, [](const auto& file) { return file.use_count() > 1; });
  std::vector<std::shared_ptr<LogFile>> taken(std::move_iterator(unused.begin()), std::move_iterator(unused.end()));
  files_.erase(unused.begin(), unused.end());
  return taken;
}

void LogFiles::reopen() {
  const std::lock_guard lock(mutex_);
  for (const auto& file : files_) file->reopen();
}

std::optional<std::vector<std::string>> LogFiles::reopened() const {
  std::vector<std::string> errors;
  const std::lock_guard lock(mutex_);
  for (const auto& file : files_) {
    std::optional<std::string> ended = file->reopened();
    if (!ended) return std::nullopt;
    if (!ended->empty()) errors.push_back(std::move(*ended));
  }
  return errors;
}

}  // namespace edge
