// AnswerBeginning: the lines that all answers of a second begin with in HTTP/1: status, Server and Date.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/net/loop.h"

namespace edge {

/// Of one loop, on its thread.
class AnswerBeginning {
 public:
  /// Without Server where `server` is empty.
  void renew(std::string_view server, Loop& loop) {
    const std::int64_t now = loop.unix_seconds();
    if (now == second_ && server == server_) return;
    server_ = server;
    second_ = now;
    text_.assign(kStatusLine);
    if (!server.empty()) text_.append("Server: ").append(server).append("\r\n");
    text_.append("Date: ").append(loop.http_date()).append("\r\n");
  }
  /// With the status line of a 200.
  std::string_view of_200() const { return text_; }
  /// Without a status line.
  std::string_view fields() const { return std::string_view(text_).substr(kStatusLine.size()); }

 private:
  static constexpr std::string_view kStatusLine = "HTTP/1.1 200 OK\r\n";
  std::string server_;
  std::int64_t second_ = -1;  // since the epoch
  std::string text_;
};

}  // namespace edge
