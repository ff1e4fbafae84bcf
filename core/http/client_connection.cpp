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

namespace edge {

namespace {
constexpr Milliseconds kLinger{
    5'000};  // a client may take so long to read an answer that came before its request's end
}  // namespace

Error client_gone() {
  return {ErrorKind::closed, Side::client, false, "the client closed the connection"};
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
  ssize_t sent = ::send(fd(), output.data.get(), size, MSG_NOSIGNAL | flags);
  if (sent < 0) {
    if (!would_block()) return tear(), false;
    sent = 0;
  }
  if (const auto taken = static_cast<std::size_t>(sent); taken < size) {
    keep_pending({output.data.get() + taken, size - taken});
  }
  return true;
}

void ClientConnection::keep_pending(std::string_view bytes) {
  pending_ = std::make_unique<std::string>(bytes);
  want_write(true);
  loop().arm(*this, settings().send_timeout);
}

void ClientConnection::send_pending() {
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
  if (gone()) return -1;
  const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  if (would_block()) return 0;
  tear();
  return -1;
}

std::ptrdiff_t ClientConnection::send_behind_queued(std::string_view bytes) {
  Output& output = door_.output();
  if (output.owner != this || output.size == 0) return send_now(bytes);
  if (gone()) return -1;
  const std::size_t queued = std::exchange(output.size, 0);
  output.owner = nullptr;
  std::array parts{iovec{output.data.get(), queued}, iovec{const_cast<char*>(bytes.data()), bytes.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t sent = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
  if (sent < 0 && !would_block()) return tear(), -1;
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  if (taken >= queued) return static_cast<std::ptrdiff_t>(taken - queued);
  keep_pending({output.data.get() + taken, queued - taken});
  return 0;
}

std::ptrdiff_t ClientConnection::send_file_now(int file, std::uint64_t offset, std::uint64_t size) {
  if (gone()) return -1;
  auto at = static_cast<off_t>(offset);
  const ssize_t sent = ::sendfile(fd(), file, &at, size);
  if (sent > 0) return sent;
  if (sent == 0) return -2;
  if (would_block()) return 0;
  tear();
  return -1;
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
  if (!gone() && !pending_) want_write(false);
}

void ClientConnection::linger() {
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
  disarm();
  Socket::close();
}

}  // namespace edge
