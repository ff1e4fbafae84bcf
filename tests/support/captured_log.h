// CapturedLog: while it lives, the error log goes to a file of its own; afterwards to standard error again.
#pragma once

#include <memory>
#include <string>

#include "core/log.h"
#include "core/log_file.h"
#include "support/file_content.h"
#include "support/temporary_directory.h"

namespace edge::test {

class CapturedLog {
 public:
  explicit CapturedLog(LogLevel level = LogLevel::debug) : file_(std::move(*LogFile::open(folder_ / "error.log"))) {
    log::open(file_.get(), level);
  }
  ~CapturedLog() { log::open(nullptr, LogLevel::info); }

  /// Everything that was logged so far.
  std::string text() {
    if (!file_->flush()) throw std::runtime_error("the error log could not be written");
    return file_content(folder_ / "error.log");
  }
  bool contains(std::string_view part) { return text().find(part) != std::string::npos; }

 private:
  TemporaryDirectory folder_;
  std::unique_ptr<LogFile> file_;
};

}  // namespace edge::test
