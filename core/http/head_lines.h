// HeadLines: an answer's head on its way out, written at once to where it leaves from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/client_connection.h"
#include "core/http/response.h"
#include "core/text_writer.h"

namespace edge {

/// Of one answer; nothing else may be queued on the connection between the beginning and queue().
class HeadLines {
 public:
  /// Has room for the fields of `response`, `more` bytes of other lines, and what else is declared below.
  HeadLines(ClientConnection& connection, const Response& response, std::size_t more);
  HeadLines(const HeadLines&) = delete;
  HeadLines& operator=(const HeadLines&) = delete;

  void add_status_line(const Response& response);
  /// As they go over the wire.
  void add_lines(std::string_view lines) { text_.add(lines); }
  void add_field(std::string_view name, std::string_view value);
  void add_content_length(std::uint64_t length);
  /// Once: the empty line, and off it goes. How many bytes it has in all.
  std::size_t queue();

 private:
  static constexpr std::size_t kMostReason = 100;             // bytes
  static constexpr std::size_t kMostOwn = kMostReason + 156;  // of the status line, two short fields, the last line

  HeadLines(ClientConnection& connection, std::size_t room);
  char* with_room(std::size_t room);

  ClientConnection& connection_;
  std::string aside_;  // where it is written when the loop's output has no room left
  TextWriter text_;
};

}  // namespace edge
