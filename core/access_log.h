// AccessLog: formats one line a request into a buffer of its loop, handed to a LogFile when it is full or once a
// second. One object a loop and log.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "core/http/template.h"
#include "core/log_file.h"
#include "core/net/loop.h"

namespace edge {

struct Request;

/// "combined", "json", or a pattern with $variables; compiled at load.
///
/// combined is nginx's. json is one object a line: time (ISO 8601, local), request_id, remote_addr, method, host, uri
/// (as received), protocol, status, bytes (of the body sent), request_time (seconds), referer, user_agent; and where an
/// app or another server was asked, upstream, upstream_status, upstream_response_time and upstream_queue_time
/// (seconds).
class AccessFormat {
 public:
  static std::expected<AccessFormat, Template::Error> compile(std::string_view format);
  /// Appends one line with its newline.
  void render(const Request& request, std::string& to) const;

 private:
  Template line_;
  bool json_ = false;
};

/// Of its loop's thread, but for construction and destruction while the loop does not run.
class AccessLog final : private Deadline {
 public:
  /// Everything must outlive it.
  AccessLog(Loop& loop, LogFile& file, const AccessFormat& format);
  /// Flushes.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void write(const Request& request);
  /// Hands what is buffered to the file.
  void flush();

 private:
  void on_deadline() override;
  Loop& loop_;
  LogFile& file_;
  const AccessFormat& format_;
  std::string buffer_;
};

}  // namespace edge
