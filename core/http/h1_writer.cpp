// The writing half of H1Exchange: head, framing and content of an answer (RFC 9112 2, 6, 7).
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/http/h1_connection.h"
#include "core/http/h1_door.h"
#include "core/http/h1_exchange.h"

namespace edge {

namespace {

constexpr std::size_t kMaxFileInOutput = 32 * 1024;  // a larger file is sent by sendfile
constexpr std::size_t kSendFileStep = 512 * 1024;    // of which the page cache is asked first
constexpr int kStepsPerTurn = 4;                     // then other connections have their turn, however fast this reads

/// "HTTP/1.1 200 OK\r\n" for the usual codes, else made in `scratch`.
std::string_view status_line(const Response& response, char (&scratch)[128]) {
  if (response.status == 200 && response.reason.empty()) return "HTTP/1.1 200 OK\r\n";
  const std::string_view reason = response.reason.empty() ? reason_phrase(response.status) : response.reason;
  const std::size_t size = std::min<std::size_t>(reason.size(), 100);
  char* at = scratch;
  std::memcpy(at, "HTTP/1.1 ", 9);
  at = std::to_chars(at + 9, scratch + sizeof scratch, response.status).ptr;
  *at++ = ' ';
  std::memcpy(at, reason.data(), size);
  std::memcpy(at + size, "\r\n", 2);
  return {scratch, static_cast<std::size_t>(at + size + 2 - scratch)};
}

bool is_the_doors_own(HeaderName id) {
  switch (id) {
    case HeaderName::connection:
    case HeaderName::content_length:
    case HeaderName::date:
    case HeaderName::keep_alive:
    case HeaderName::server:
    case HeaderName::transfer_encoding:
      return true;
    default:
      return false;
  }
}

Error client_gone() {
  return {ErrorKind::closed, Side::client, false, "the client closed the connection"};
}

const HttpSettings& settings_of(const Request& request, const HttpSettings& otherwise) {
  return request.route ? request.route->http : request.site ? request.site->http : otherwise;
}

}  // namespace

void H1Exchange::write_field(std::string_view name, std::string_view value) {
  const std::size_t size = name.size() + value.size() + 4;
  bytes_written_ += size;
  if (connection_->queue_room() < size) {  // a head that does not fit in what is left of the loop's output
    connection_->queue(name);
    connection_->queue(": ");
    connection_->queue(value);
    connection_->queue("\r\n");
    return;
  }
  char* at = connection_->queue_reserve();
  std::memcpy(at, name.data(), name.size());
  at += name.size();
  std::memcpy(at, ": ", 2);
  at += 2;
  std::memcpy(at, value.data(), value.size());
  std::memcpy(at + value.size(), "\r\n", 2);
  connection_->queue_commit(size);
}

void H1Exchange::write_framing(std::optional<std::uint64_t> length, bool has_content, int status) {
  if (length && status != 204 && status >= 200) {
    char digits[24];
    const char* const end = std::to_chars(digits, digits + sizeof digits, *length).ptr;
    write_field("Content-Length", {digits, static_cast<std::size_t>(end - digits)});
  } else if (!length && has_content) {
    if (request->minor_version > 0) {
      chunked_ = true;
      write_field("Transfer-Encoding", "chunked");
    } else {
      ends_with_connection_ = true;
      keep_alive_ = false;
    }
  }
}

void H1Exchange::write_head(const Response& response, std::optional<std::uint64_t> length, bool has_content) {
  discard_buffered_body();
  const HttpSettings& http = settings_of(*request, connection_->router_.first().http);
  if (response.close || !body_complete_ || connection_->draining() ||
      connection_->info().requests >= http.keepalive_requests) {
    keep_alive_ = false;
  }
  char scratch[128];
  const std::string_view line = status_line(response, scratch);
  connection_->queue(line);
  bytes_written_ += line.size();
  if (!http.server_header.empty()) write_field("Server", http.server_header);
  write_field("Date", loop_.http_date());
  for (const HeaderField& field : response.headers) {
    if (!is_the_doors_own(field.id)) write_field(field.name, field.value);
  }
  write_framing(length, has_content, response.status);
  if (!keep_alive_) {
    write_field("Connection", "close");
  } else if (request->minor_version == 0) {
    write_field("Connection", "keep-alive");
  }
  connection_->queue("\r\n");
  bytes_written_ += 2;
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

Task<Result<void>> H1Exchange::flush() {
  if (!connection_->flush_output()) co_return std::unexpected(client_gone());
  while (connection_->has_pending()) {
    waits_for_input_ = false;
    connection_->wait_writable(settings_of(*request, connection_->router_.first().http).send_timeout);
    const Result<void> sent = co_await Wait{*this};
    if (!sent) co_return sent;
  }
  co_return {};
}

Task<Result<void>> H1Exchange::send_all(std::string_view content) {
  const Result<void> flushed = co_await flush();
  if (!flushed) co_return flushed;
  while (true) {
    const std::ptrdiff_t sent = connection_->send_now(content);
    if (sent < 0) co_return std::unexpected(client_gone());
    bytes_written_ += static_cast<std::size_t>(sent);
    content.remove_prefix(static_cast<std::size_t>(sent));
    if (content.empty()) co_return {};
    waits_for_input_ = false;
    connection_->wait_writable(settings_of(*request, connection_->router_.first().http).send_timeout);
    const Result<void> writable = co_await Wait{*this};
    if (!writable) co_return writable;
  }
}

Task<Result<void>> H1Exchange::write(std::string_view content) {
  if (content.empty()) co_return {};
  if (chunked_) queue_chunk_size(content.size());
  const Result<void> sent = co_await send_all(content);
  if (sent && chunked_) connection_->queue("\r\n");
  co_return sent;
}

bool H1Exchange::try_write_file(int fd, std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return true;
  if (length > kMaxFileInOutput || connection_->queue_room() < length) return false;
  const iovec into{connection_->queue_reserve(), static_cast<std::size_t>(length)};
  const ssize_t got = preadv2(fd, &into, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (got != static_cast<ssize_t>(length)) return false;  // cold, or cut short: write_file() finds out which
  connection_->queue_commit(static_cast<std::size_t>(length));
  bytes_written_ += length;
  return true;
}

Task<Result<void>> H1Exchange::write_file(int fd, std::uint64_t offset, std::uint64_t length) {
  if (!connection_->flush_output(MSG_MORE)) co_return std::unexpected(client_gone());
  const Result<void> flushed = co_await flush();
  if (!flushed) co_return flushed;
  int steps = 0;
  while (length > 0) {
    const std::uint64_t step = std::min<std::uint64_t>(length, kSendFileStep);
    char probe;
    const iovec into{&probe, 1};
    const auto last = static_cast<off_t>(offset + step - 1);
    if (preadv2(fd, &into, 1, last, RWF_NOWAIT) < 0) {  // not in the page cache: a disk must not stop the loop
      const auto warm = [fd, offset, step] {
        return readahead(fd, static_cast<off64_t>(offset), step) == 0 && [&] {
          char byte;
          return pread(fd, &byte, 1, static_cast<off_t>(offset + step - 1)) >= 0;
        }();
      };
      const bool warmed = co_await loop_.offload(warm);
      if (!warmed) co_return fail(ErrorKind::internal, Side::ours, "a file could not be read");
      if (connection_->gone()) co_return std::unexpected(client_gone());
    }
    const std::ptrdiff_t sent = connection_->send_file_now(fd, offset, step);
    if (sent == -1) co_return std::unexpected(client_gone());
    if (sent == -2) co_return fail(ErrorKind::internal, Side::ours, "a file became shorter while it was sent");
    bytes_written_ += static_cast<std::uint64_t>(sent);
    offset += static_cast<std::uint64_t>(sent);
    length -= static_cast<std::uint64_t>(sent);
    if (static_cast<std::uint64_t>(sent) == step && ++steps % kStepsPerTurn != 0) continue;
    if (length == 0) break;
    waits_for_input_ = false;
    connection_->wait_writable(settings_of(*request, connection_->router_.first().http).send_timeout);
    const Result<void> writable = co_await Wait{*this};
    if (!writable) co_return writable;
  }
  co_return {};
}

void H1Exchange::finish() {
  if (!chunked_) return;
  connection_->queue("0\r\n\r\n");
  bytes_written_ += 5;
}

}  // namespace edge
