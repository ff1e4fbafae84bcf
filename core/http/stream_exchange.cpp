// One request on a byte stream: waiting, and the parts of an answer that every protocol sends alike.
#include "core/http/stream_exchange.h"

#include <sys/socket.h>

#include <algorithm>

#include "core/page_cache.h"

namespace edge {

namespace {

constexpr std::size_t kMaxFileInOutput = 32 * 1024;  // a larger file is sent by sendfile
constexpr std::size_t kSendFileStep = 1024 * 1024;   // of which the page cache is asked first
constexpr std::size_t kOwnSegment = 256 * 1024;      // behind so much a head leaves in a segment of its own: pages that
                                                     // are sent behind its bytes cost the kernel a third more
constexpr int kStepsPerTurn = 4;                     // then other connections have their turn, however fast this reads

}  // namespace

void StreamExchange::wake_reader(Result<void> with) {
  if (!waits_to_read()) return;
  if (!tunnelled_) connection_->done_waiting();
  resume(For::input, std::move(with));
}

void StreamExchange::wake_writer(Result<void> with) {
  if (!waits_to_write()) return;
  connection_->done_waiting();
  resume(For::room, std::move(with));
}

void StreamExchange::expect_input() {
  if (tunnelled_) return connection_->listen();
  connection_->wait_readable(settings().body_timeout);
}

void StreamExchange::expect_room() {
  connection_->wait_writable(settings().send_timeout);
}

Task<Result<void>> StreamExchange::flush() {
  if (!connection_->flush_output()) co_return std::unexpected(client_gone());
  while (connection_->has_pending()) {
    expect_room();
    const Result<void> sent = co_await Wait(*this, For::room);
    if (!sent) co_return sent;
  }
  co_return {};
}

Task<Result<void>> StreamExchange::send_all(std::string_view content) {
  while (true) {
    if (connection_->has_pending()) {
      const Result<void> flushed = co_await flush();
      if (!flushed) co_return flushed;
    }
    const std::ptrdiff_t sent = connection_->send_behind_queued(content);
    if (sent < 0) co_return std::unexpected(client_gone());
    bytes_written_ += static_cast<std::size_t>(sent);
    content.remove_prefix(static_cast<std::size_t>(sent));
    if (content.empty()) co_return {};
    expect_room();
    const Result<void> writable = co_await Wait(*this, For::room);
    if (!writable) co_return writable;
  }
}

bool StreamExchange::try_write_file(int fd, std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return true;
  if (length > kMaxFileInOutput || connection_->queue_room() < length) return false;
  const ssize_t got = read_from_memory(fd, connection_->queue_reserve(), static_cast<std::size_t>(length), offset);
  if (got != static_cast<ssize_t>(length)) return false;  // cold, or cut short: write_file() finds out which
  connection_->queue_commit(static_cast<std::size_t>(length));
  bytes_written_ += length;
  return true;
}

Task<Result<void>> StreamExchange::write_file(int fd, std::uint64_t offset, std::uint64_t length) {
  const int flags = length < kOwnSegment ? MSG_MORE : 0;
  // Before the head leaves: a client that it wakes would else go to sleep again until the content follows, and be woken
  // twice, which costs a quarter more for 1 MiB.
  std::uint64_t warm_until = connection_->warm_until(fd, offset, std::min<std::uint64_t>(length, kSendFileStep));
  if (!connection_->flush_output(flags)) co_return std::unexpected(client_gone());
  if (connection_->has_pending()) warm_until = 0;  // it may have changed when that has left
  const Result<void> flushed = co_await flush();
  if (!flushed) co_return flushed;
  int steps = 0;
  while (length > 0) {
    const std::uint64_t step = std::min<std::uint64_t>(length, kSendFileStep);
    const std::ptrdiff_t sent = connection_->send_file_now(fd, offset, step, warm_until);
    if (sent == ClientConnection::kCold) {  // a disk must not stop the loop
      const auto warm = [fd, offset, step] { return bring_to_memory(fd, offset, step); };
      const bool warmed = co_await loop_.offload(warm);
      if (!warmed) co_return fail(ErrorKind::internal, Side::ours, "a file could not be read");
      if (connection_->gone()) co_return std::unexpected(client_gone());
      warm_until = offset + step;
      continue;
    }
    if (sent == ClientConnection::kTooShort)
      co_return fail(ErrorKind::internal, Side::ours, "a file became shorter while it was sent");
    if (sent < 0) co_return std::unexpected(client_gone());
    bytes_written_ += static_cast<std::uint64_t>(sent);
    offset += static_cast<std::uint64_t>(sent);
    length -= static_cast<std::uint64_t>(sent);
    if (static_cast<std::uint64_t>(sent) == step && ++steps % kStepsPerTurn != 0) continue;
    if (length == 0) break;
    expect_room();
    const Result<void> writable = co_await Wait(*this, For::room);
    if (!writable) co_return writable;
  }
  co_return {};
}

}  // namespace edge
