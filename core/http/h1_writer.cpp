// The writing half of H1Exchange: head, framing and content of an answer (RFC 9112 2, 6, 7).
#include <fmt/format.h>

#include <charconv>

#include "core/http/door.h"
#include "core/http/h1_exchange.h"
#include "core/http/own_fields.h"

namespace edge {

namespace {

/// The status line, Server and Date.
void add_beginning(const Response& response, const AnswerBeginning& beginning, HeadLines& to) {
  if (response.status == 200 && (response.reason.empty() || response.reason == "OK")) {
    return to.add_lines(beginning.of_200());
  }
  to.add_status_line(response);
  to.add_lines(beginning.fields());
}

void append_fields(const HeaderList& fields, std::string& to) {
  for (const HeaderField& field : fields) {
    if (!is_the_doors_own(field.id)) to.append(field.name).append(": ").append(field.value).append("\r\n");
  }
}

}  // namespace

void H1Exchange::write_framing(std::optional<std::uint64_t> length, bool has_content, int status, HeadLines& to) {
  if (length && status != 204 && status >= 200) {
    to.add_content_length(*length);
  } else if (!length && has_content) {
    if (request->version != HttpVersion::http10) {
      chunked_ = true;
      to.add_field("Transfer-Encoding", "chunked");
    } else {
      ends_with_connection_ = true;
      keep_alive_ = false;
    }
  }
}

void H1Exchange::write_head(const Response& response, std::optional<std::uint64_t> length, bool has_content) {
  discard_buffered_body();
  const HttpSettings& http = settings();
  note_tunnel(response);
  continue_sent_ = true;  // too late now
  if (tunnelled_ || response.close || !body_complete_ || connection_->entrance().closing() ||
      connection_->info().requests >= http.keepalive_requests) {
    keep_alive_ = false;
  }
  const AnswerBeginning& beginning = connection_->door().beginning(http.server_header);
  HeadLines head(*connection_, response, beginning.fields().size());
  add_beginning(response, beginning, head);
  head.add_lines(response.headers.ready_lines());
  for (const HeaderField* field = response.headers.behind_ready(); field != response.headers.end(); ++field) {
    if (!is_the_doors_own(field->id)) head.add_field(field->name, field->value);
  }
  if (!tunnelled_) write_framing(length, has_content, response.status, head);
  if (tunnelled_) {
    head.add_field("Connection", "upgrade");
  } else if (!keep_alive_) {
    head.add_field("Connection", "close");
  } else if (request->version == HttpVersion::http10) {
    head.add_field("Connection", "keep-alive");
  }
  bytes_written_ += head.queue();
}

void H1Exchange::queue_chunk_size(std::size_t size) {
  char line[20];
  char* end = std::to_chars(line, line + sizeof line, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  connection_->queue({line, static_cast<std::size_t>(end - line)});
  bytes_written_ += static_cast<std::size_t>(end - line) + 2;  // and the line end behind the chunk
}

bool H1Exchange::try_write(std::string_view content) {
  constexpr std::size_t kChunkFraming = 24;
  if (content.empty()) return true;
  if (connection_->queue_room() < content.size() + kChunkFraming) return false;
  if (chunked_) queue_chunk_size(content.size());
  connection_->queue(content);
  if (chunked_) connection_->queue("\r\n");
  bytes_written_ += content.size();
  return true;
}

Task<Result<void>> H1Exchange::write(std::string_view content) {
  if (content.empty()) co_return {};
  if (chunked_) queue_chunk_size(content.size());
  const Result<void> sent = co_await send_all(content);
  if (sent && chunked_) connection_->queue("\r\n");
  co_return sent;
}

void H1Exchange::finish(const HeaderList* trailers) {
  if (!chunked_) return;
  std::string end = "0\r\n";
  if (trailers && takes_trailers(request->headers)) append_fields(*trailers, end);
  end.append("\r\n");
  connection_->queue(end);
  bytes_written_ += end.size();
}

/// It is no part of what the answer counts.
void H1Exchange::send_interim(int status, const HeaderList& fields) {
  if (request->version == HttpVersion::http10) return;
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  append_fields(fields, head);
  connection_->queue(head.append("\r\n"));
  connection_->flush_output();
}

}  // namespace edge
