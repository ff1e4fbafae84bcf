// The way out of a client connection: the loop's output, what the kernel did not take, and the end.
#include "core/http/client_connection.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/http/door.h"
#include "core/net/tls_stream.h"
#include "core/page_cache.h"

namespace edge {

namespace {
constexpr Milliseconds kLinger{
    5'000};  // a client may take so long to read an answer that came before its request's end
}  // namespace

Error client_gone() {
  return {ErrorKind::closed, Side::client, false, "the client closed the connection"};
}

ClientConnection::ClientConnection(Door& door, Entrance& entrance, const ConnectionInfo& info)
    : door_(door), entrance_(entrance), info_(info) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::speak_tls(std::unique_ptr<TlsStream> stream) {
  tls_ = std::move(stream);
  info_.tls = info_.tls || tls_;
}

int ClientConnection::give_away() {
  set_idle(false);
  disarm();
  return release();
}

void ClientConnection::set_idle(bool idle) {
  if (idle) return door_.idle_clients().enter(*this, loop().now());
  door_.idle_clients().leave(*this);
}

bool ClientConnection::has_pending() const {
  return pending_ || (tls_ && tls_->has_unsent());
}

bool ClientConnection::would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

std::size_t ClientConnection::queue_room() const {
  const Output& output = door_.output();
  if (pending_ || closing() || (output.owner && output.owner != this)) return 0;
  return Output::kCapacity - output.size;
}

char* ClientConnection::queue_reserve() {
  door_.output().owner = this;
  return door_.output().data.get() + door_.output().size;
}

void ClientConnection::queue_commit(std::size_t bytes) {
  door_.output().size += bytes;
}

void ClientConnection::queue(std::string_view bytes) {
  if (gone()) return;
  Output& output = door_.output();
  while (output.owner && output.owner != this) output.owner->flush_output();
  if (!pending_ && output.size + bytes.size() > Output::kCapacity && !flush_output()) return;
  if (!pending_ && bytes.size() > Output::kCapacity) pending_ = std::make_unique<std::string>();
  if (pending_) {
    pending_->append(bytes);
    want_write(true);
    return;
  }
  if (bytes.empty()) return;
  std::memcpy(queue_reserve(), bytes.data(), bytes.size());
  queue_commit(bytes.size());
}

bool ClientConnection::flush_output(int flags) {
  if (gone()) return false;
  Output& output = door_.output();
  if (output.owner != this) return true;
  const std::size_t size = std::exchange(output.size, 0);
  output.owner = nullptr;
  if (size == 0) return true;
  const std::ptrdiff_t taken = write({}, {output.data.get(), size}, flags);
  if (taken < 0) return false;
  if (const auto sent = static_cast<std::size_t>(taken); sent < size) {
    keep_pending({output.data.get() + sent, size - sent});
  }
  return true;
}

/// Sends both without waiting; how much was taken, or -1 when the connection is gone.
std::ptrdiff_t ClientConnection::write(std::string_view head, std::string_view content, int flags) {
  std::ptrdiff_t sent = 0;
  if (tls_) {
    sent = tls_->write(head, content);
    if (sent >= 0 && tls_->has_unsent()) await_room();
  } else if (head.empty()) {
    sent = ::send(fd(), content.data(), content.size(), MSG_NOSIGNAL | flags);
  } else {
    std::array parts{iovec{const_cast<char*>(head.data()), head.size()},
                     iovec{const_cast<char*>(content.data()), content.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    sent = ::sendmsg(fd(), &message, MSG_NOSIGNAL | flags);
  }
  if (sent >= 0) return sent;
  if (!tls_ && would_block()) return 0;
  tear();
  return -1;
}

void ClientConnection::keep_pending(std::string_view bytes) {
  pending_ = std::make_unique<std::string>(bytes);
  await_room();
}

void ClientConnection::look_after_unsent() {
  if (tls_ && tls_->has_unsent() && !gone() && !wants_write()) await_room();
}

void ClientConnection::await_room() {
  want_write(true);
  loop().arm(*this, settings().send_timeout);
}

void ClientConnection::send_pending() {
  if (tls_ && tls_->has_unsent()) {
    const int flushed = tls_->flush_unsent();
    if (flushed < 0) return tear();
    if (flushed == 0) return loop().arm(*this, settings().send_timeout);
  }
  if (!pending_) return;
  const std::ptrdiff_t sent = send_now(*pending_);
  if (sent < 0) return;
  if (static_cast<std::size_t>(sent) == pending_->size()) {
    pending_.reset();
  } else {
    pending_->erase(0, static_cast<std::size_t>(sent));
    loop().arm(*this, settings().send_timeout);
  }
}

std::ptrdiff_t ClientConnection::send_now(std::string_view bytes) {
  return gone() ? -1 : write({}, bytes, 0);
}

std::ptrdiff_t ClientConnection::send_behind_queued(std::string_view bytes) {
  Output& output = door_.output();
  if (output.owner != this || output.size == 0) return send_now(bytes);
  if (gone()) return -1;
  const std::size_t queued = std::exchange(output.size, 0);
  output.owner = nullptr;
  const std::ptrdiff_t sent = write({output.data.get(), queued}, bytes, 0);
  if (sent < 0) return -1;
  const auto taken = static_cast<std::size_t>(sent);
  if (taken >= queued) return static_cast<std::ptrdiff_t>(taken - queued);
  keep_pending({output.data.get() + taken, queued - taken});
  return 0;
}

std::uint64_t ClientConnection::warm_until(int file, std::uint64_t offset, std::uint64_t size) const {
  return !tls_ && is_in_memory(file, offset, size) ? offset + size : 0;
}

std::ptrdiff_t ClientConnection::send_file_now(int file, std::uint64_t offset, std::uint64_t size,
                                               std::uint64_t& warm_until) {
  if (gone()) return -1;
  if (tls_) return encrypt_file_now(file, offset, size, warm_until);
  if (const std::uint64_t from = std::max(offset, warm_until), end = offset + size; from < end) {
    if (!is_in_memory(file, from, end - from)) return kCold;
    warm_until = end;
  }
  auto at = static_cast<off_t>(offset);
  const ssize_t sent = ::sendfile(fd(), file, &at, size);
  if (sent > 0) return sent;
  if (sent == 0) return kTooShort;
  if (would_block()) return 0;
  tear();
  return -1;
}

/// Goes on until the kernel takes no more, or the next of it is not in memory.
std::ptrdiff_t ClientConnection::encrypt_file_now(int file, std::uint64_t offset, std::uint64_t size,
                                                  std::uint64_t warm_until) {
  std::uint64_t taken = 0;
  while (taken < size && !tls_->has_unsent()) {
    const std::uint64_t at = offset + taken;
    const bool warm = at < warm_until;
    const std::uint64_t most = warm ? std::min(size - taken, warm_until - at) : size - taken;
    const std::ptrdiff_t step = tls_->write_file(file, at, most, warm);
    if (step == TlsStream::kTooShort || step == TlsStream::kCold) {
      if (taken > 0) break;
      return step == TlsStream::kCold ? kCold : kTooShort;
    }
    if (step < 0) return tear(), -1;
    if (step == 0) break;
    taken += static_cast<std::uint64_t>(step);
  }
  if (tls_->has_unsent()) await_room();
  return static_cast<std::ptrdiff_t>(taken);
}

std::ptrdiff_t ClientConnection::receive(char* to, std::size_t size) {
  if (tls_) {
    const std::ptrdiff_t got = tls_->read(to, size);
    look_after_unsent();
    return got;
  }
  const ssize_t got = ::recv(fd(), to, size, 0);
  if (got >= 0) return got;
  return would_block() ? kNothingNow : kBroken;
}

void ClientConnection::want_read(bool wanted) {
  Socket::want_read(wanted);
  if (wanted && tls_ && tls_->has_unread()) door_.read_again(*this);
}

void ClientConnection::wait_readable(Milliseconds timeout) {
  want_read(true);
  loop().arm(*this, timeout);
}

void ClientConnection::wait_writable(Milliseconds timeout) {
  want_write(true);
  loop().arm(*this, timeout);
}

void ClientConnection::done_waiting() {
  disarm();
  if (!gone() && !has_pending()) want_write(false);
}

void ClientConnection::linger() {
  if (tls_) tls_->end();
  ::shutdown(fd(), SHUT_WR);
  want_read(true);
  loop().arm(*this, kLinger);
}

void ClientConnection::discard_input() {
  char bytes[16 * 1024];
  const ssize_t got = ::recv(fd(), bytes, sizeof bytes, 0);
  if (got == 0 || (got < 0 && !would_block())) tear();
}

void ClientConnection::break_off() {
  if (gone()) return;
  broken_off_ = true;
  const struct linger reset{1, 0};
  setsockopt(fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  tear();
}

void ClientConnection::shut() {
  Output& output = door_.output();
  if (output.owner == this) {
    output.owner = nullptr;
    output.size = 0;
  }
  pending_.reset();
  set_idle(false);
  disarm();
  if (tls_ && !broken_off_ && !gone()) tls_->end();
  Socket::close();
}

}  // namespace edge
