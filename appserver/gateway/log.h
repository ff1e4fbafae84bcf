// Log lines on their way to the edge: text under a request's id, and exceptions as text.
#pragma once

#include <string>
#include <string_view>

namespace edge::gateway {

/// Sends `text` as it stands, cut into as many messages as it needs, at line ends where there are any. While the edge
/// does not read, waits a bounded time with the interpreter's lock released; then the text is lost and the next message
/// that gets through says so. Needs the interpreter's lock.
void send_log(std::string_view request_id, std::string_view text);

/// Gathers what is written in pieces until a line is whole. Bounded. Needs the interpreter's lock.
class LogLines {
 public:
  /// From now on lines belong to this request; empty: to none. The view must live until the next call.
  void set_request(std::string_view id) { request_id_ = id; }
  void write(std::string_view text);
  /// Sends a begun line too.
  void flush();

 private:
  std::string_view request_id_;
  std::string pending_;
};

/// Writes `what`, a line, and the traceback of the exception that is set, and clears it.
void log_exception(LogLines& to, std::string_view what);

}  // namespace edge::gateway
