// Body in, answer out.
#include "core/uwsgi/exchange.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "core/http/door.h"
#include "core/http/head_lines.h"
#include "core/uwsgi/packet.h"
#include "core/uwsgi/read_vars.h"

namespace edge::uwsgi {

Result<void> Exchange::accept_packet() {
  const std::string_view block(packet.first() + kHeaderSize, packet.size() - kHeaderSize);
  request->head_size = static_cast<std::uint32_t>(packet.size());
  const Result<std::uint64_t> body = read_vars(block, router().first().http, *request, connection_->info());
  if (!body) return std::unexpected(body.error());
  body_size_ = body_left_ = *body;
  return {};
}

/// What has arrived of the body; empty when nothing has.
Result<std::string_view> Exchange::receive() {
  char last;
  if (byte_left_behind_ && ::recv(connection_->fd(), &last, 1, 0) == 1) byte_left_behind_ = false;
  if (!body_) body_ = connection_->door().bodies().acquire();
  const bool only_last = body_left_ == 1;
  const std::size_t most = only_last ? 1 : std::min<std::uint64_t>(body_.capacity(), body_left_ - 1);
  const ssize_t got = ::recv(connection_->fd(), body_.data(), most, only_last ? MSG_PEEK : 0);
  if (got > 0) {
    byte_left_behind_ = only_last;
    body_left_ -= static_cast<std::uint64_t>(got);
    return std::string_view(body_.data(), static_cast<std::size_t>(got));
  }
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return std::string_view();
  return std::unexpected(client_gone());
}

Task<Result<std::string_view>> Exchange::read() {
  while (body_left_ > 0) {
    if (connection_->gone()) co_return std::unexpected(client_gone());
    Result<std::string_view> content = receive();
    if (!content || !content->empty()) co_return content;
    expect_input();
    const Result<void> arrived = co_await Wait(*this, For::input);
    if (!arrived) co_return std::unexpected(arrived.error());
  }
  co_return std::string_view();
}

void Exchange::write_head(const Response& response, std::optional<std::uint64_t> length, bool) {
  HeadLines head(*connection_, response, 0);
  head.add_status_line(response);
  for (const HeaderField& field : response.headers) {
    switch (field.id) {
      case HeaderName::connection:
      case HeaderName::content_length:
      case HeaderName::keep_alive:
      case HeaderName::transfer_encoding:
        continue;
      default:
        head.add_field(field.name, field.value);
    }
  }
  if (length && response.status != 204 && response.status >= 200) head.add_content_length(*length);
  bytes_written_ += head.queue();
}

bool Exchange::try_write(std::string_view content) {
  if (connection_->queue_room() < content.size()) return content.empty();
  connection_->queue(content);
  bytes_written_ += content.size();
  return true;
}

Task<Result<void>> Exchange::write(std::string_view content) {
  if (content.empty()) co_return {};
  const Result<void> sent = co_await send_all(content);
  co_return sent;
}

}  // namespace edge::uwsgi
