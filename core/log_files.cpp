// Log files shared by path.
#include "core/log_files.h"

#include <algorithm>

namespace edge {

Result<LogFile*> LogFiles::open(const std::string& where) {
  const auto known = std::ranges::find_if(files_, [&where](const auto& file) { return file->where() == where; });
  if (known != files_.end()) return known->get();
  Result<std::unique_ptr<LogFile>> opened = LogFile::open(where);
  if (!opened) return std::unexpected(std::move(opened.error()));
  files_.push_back(std::move(*opened));
  return files_.back().get();
}

void LogFiles::reopen() {
  for (const auto& file : files_) file->reopen();
}

std::optional<std::vector<std::string>> LogFiles::reopened() const {
  std::vector<std::string> errors;
  for (const auto& file : files_) {
    std::optional<std::string> ended = file->reopened();
    if (!ended) return std::nullopt;
    if (!ended->empty()) errors.push_back(std::move(*ended));
  }
  return errors;
}

}  // namespace edge
