// Usually the loop's output has room for the whole of a head: one look for it, and no copy.
#include "core/http/head_lines.h"

#include <algorithm>
#include <charconv>

namespace edge {
namespace {

constexpr std::size_t kFraming = 4;  // ": " and the line end

std::size_t size_of_fields(const HeaderList& headers) {
  std::size_t size = headers.ready_lines().size();
  for (const HeaderField* field = headers.behind_ready(); field != headers.end(); ++field) {
    size += field->name.size() + field->value.size() + kFraming;
  }
  return size;
}

}  // namespace

HeadLines::HeadLines(ClientConnection& connection, const Response& response, std::size_t more)
    : HeadLines(connection, kMostOwn + more + size_of_fields(response.headers)) {}

HeadLines::HeadLines(ClientConnection& connection, std::size_t room)
    : connection_(connection), text_(with_room(room), room) {}

char* HeadLines::with_room(std::size_t room) {
  if (connection_.queue_room() >= room) return connection_.queue_reserve();
  aside_.resize(room);
  return aside_.data();
}

void HeadLines::add_status_line(const Response& response) {
  char code[16];
  const std::string_view reason = response.reason.empty() ? reason_phrase(response.status) : response.reason;
  text_.add("HTTP/1.1 ");
  text_.add({code, std::to_chars(code, code + sizeof code, response.status).ptr});
  text_.add(" ");
  text_.add(reason.substr(0, kMostReason));
  text_.add("\r\n");
}

void HeadLines::add_field(std::string_view name, std::string_view value) {
  text_.add(name);
  text_.add(": ");
  text_.add(value);
  text_.add("\r\n");
}

void HeadLines::add_content_length(std::uint64_t length) {
  char digits[24];
  add_field("Content-Length", {digits, std::to_chars(digits, digits + sizeof digits, length).ptr});
}

std::size_t HeadLines::queue() {
  text_.add("\r\n");
  if (aside_.empty()) {
    connection_.queue_commit(text_.size());
  } else {
    connection_.queue(text_.written());
  }
  return text_.size();
}

}  // namespace edge
