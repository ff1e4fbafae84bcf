// Sending to a server and receiving from it, and the events of its socket.
#include "proxy/server_connection.h"

#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/http/client_connection.h"
#include "core/net/tls_client_stream.h"

namespace edge {

namespace {

constexpr std::ptrdiff_t kFileTooShort = -3;

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/// Cuts what was taken off the front of `part`, and off `taken`.
void cut(std::string_view& part, std::size_t& taken) {
  const std::size_t here = std::min(part.size(), taken);
  part.remove_prefix(here);
  taken -= here;
}

iovec vector_of(std::string_view part) {
  return {const_cast<char*>(part.data()), part.size()};
}

}  // namespace

ServerConnection::ServerConnection(std::string where) : where_(std::move(where)) {}

ServerConnection::~ServerConnection() = default;

void ServerConnection::shut() {
  assert(!waiting_ && "a task of the connection is under way");
  disarm();
  observer_ = nullptr;
  if (closing()) {  // it was never watched
    delete this;
    return;
  }
  if (tls_) tls_->end();
  tls_.reset();
  Socket::close();
}

// Waiting ---------------------------------------------------------------------------------------------------------

bool ServerConnection::Wait::await_ready() const noexcept {
  if (cancellation.requested()) connection.woken_ = Woken::cancelled;
  return cancellation.requested();
}

void ServerConnection::Wait::await_suspend(std::coroutine_handle<> awaiter) noexcept {
  connection.waiting_ = awaiter;
  connection.cancellation_ = &cancellation;
  cancellation.enter(connection);
  connection.wants_room_ = for_room;
  connection.want_read(true);
  if (for_room || connection.has_unsent()) connection.want_write(true);
}

void ServerConnection::wake(Woken with) {
  woken_ = with;
  wants_room_ = false;
  Cancellation* const cancellation = std::exchange(cancellation_, nullptr);
  if (with != Woken::cancelled) cancellation->leave();
  std::exchange(waiting_, nullptr).resume();
}

/// Interest in what nobody waits for is turned off when it comes and not before, so that an exchange that is quick
/// costs no call of the kernel for it.
void ServerConnection::on_readable() {
  readable_ = true;
  if (waiting_) return wake(Woken::readable);
  if (observer_) return observer_->on_server_readable(*this);
  want_read(false);
}

void ServerConnection::on_writable() {
  if (waiting_ && wants_room_) return wake(Woken::writable);
  const int flushed = tls_ ? tls_->flush_unsent() : 1;
  if (flushed == 0) return;
  want_write(wants_room_);
  if (flushed < 0 && waiting_) return wake(Woken::writable);
  if (observer_ && wants_room_) observer_->on_server_writable(*this);
}

void ServerConnection::on_deadline() {
  if (waiting_) return wake(Woken::timed_out);
  if (observer_) observer_->on_server_deadline(*this);
}

Error ServerConnection::gave_up(Woken why, std::string_view what) const {
  if (why == Woken::cancelled) return client_gone();
  return {ErrorKind::timed_out, Side::upstream, !has_sent_, fmt::format("{}: {}", where_, what)};
}

Error ServerConnection::failure(std::string_view why) const {
  return {ErrorKind::bad_gateway, Side::upstream, !has_sent_, fmt::format("{}: {}", where_, why)};
}

Error ServerConnection::broken() const {
  return failure(tls_ ? tls_->error() : std::strerror(error_));
}

// Sending ---------------------------------------------------------------------------------------------------------

Task<Result<ServerConnection::SendProgress>> ServerConnection::send(std::string_view first, std::string_view second,
                                                                    std::string_view third, Milliseconds timeout,
                                                                    Cancellation& cancellation) {
  SendProgress progress;
  while (true) {
    const std::ptrdiff_t taken = send_parts(first, second, third);
    progress.taken += static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(taken, 0));
    if (taken >= 0 && first.empty() && second.empty() && third.empty() && !has_unsent()) co_return progress;
    const Result<bool> room = co_await wait_for_room(timeout, cancellation);
    if (!room) co_return std::unexpected(room.error());
    if (*room) continue;
    progress.sent = Sent::answered;
    co_return progress;
  }
}

Task<Result<ServerConnection::SendProgress>> ServerConnection::send_file(int file, std::uint64_t offset,
                                                                         std::uint64_t length, Milliseconds timeout,
                                                                         Cancellation& cancellation) {
  SendProgress progress;
  while (true) {
    const std::ptrdiff_t taken = send_file_now(file, offset + progress.taken, length - progress.taken);
    if (taken == kFileTooShort) {
      co_return fail(ErrorKind::internal, Side::ours, "a file that is sent to a server has become shorter");
    }
    progress.taken += static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(taken, 0));
    if (taken >= 0 && progress.taken == length && !has_unsent()) co_return progress;
    const Result<bool> room = co_await wait_for_room(timeout, cancellation);
    if (!room) co_return std::unexpected(room.error());
    if (*room) continue;
    progress.sent = Sent::answered;
    co_return progress;
  }
}

Task<Result<bool>> ServerConnection::wait_for_room(Milliseconds timeout, Cancellation& cancellation) {
  Woken woken = Woken::readable;
  loop().arm(*this, timeout);
  while (woken == Woken::readable && !has_something()) woken = co_await Wait{*this, true, cancellation};
  disarm();
  if (!is_event(woken)) co_return std::unexpected(gave_up(woken, "the request was not taken within send_timeout"));
  co_return woken == Woken::writable;
}

std::ptrdiff_t ServerConnection::send_parts(std::string_view& first, std::string_view& second,
                                            std::string_view& third) {
  std::ptrdiff_t taken = 0;
  if (tls_) {
    taken = encrypt_parts(first, second, third);
  } else if (second.empty() && third.empty()) {
    taken = ::send(fd(), first.data(), first.size(), MSG_NOSIGNAL);
  } else {
    std::array parts{vector_of(first), vector_of(second), vector_of(third)};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    taken = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
  }
  taken = count_sent(taken);
  auto left = static_cast<std::size_t>(std::max<std::ptrdiff_t>(taken, 0));
  for (std::string_view* const part : {&first, &second, &third}) cut(*part, left);
  return taken;
}

std::ptrdiff_t ServerConnection::encrypt_parts(std::string_view first, std::string_view second,
                                               std::string_view third) {
  const std::uint64_t before = tls_->sent();
  std::ptrdiff_t taken = tls_->write(first, second);
  const bool whole = taken >= 0 && static_cast<std::size_t>(taken) == first.size() + second.size();
  if (whole && !third.empty() && !tls_->has_unsent()) {
    const std::ptrdiff_t more = tls_->write(third);
    taken = more < 0 ? more : taken + more;
  }
  has_sent_ = has_sent_ || tls_->sent() > before;
  return taken;
}

std::ptrdiff_t ServerConnection::send_file_now(int file, std::uint64_t offset, std::uint64_t length) {
  if (tls_) {
    const std::uint64_t before = tls_->sent();
    const std::ptrdiff_t taken = tls_->write_file(file, offset, length, true);
    has_sent_ = has_sent_ || tls_->sent() > before;
    return taken == -2 ? kFileTooShort : count_sent(taken);
  }
  auto at = static_cast<off_t>(offset);
  const ssize_t taken = length > 0 ? ::sendfile(fd(), file, &at, length) : 0;
  return taken == 0 && length > 0 ? kFileTooShort : count_sent(taken);
}

/// What the kernel or TLS said of sending: as bytes, or kBroken. Then there may be an early answer to be read.
std::ptrdiff_t ServerConnection::count_sent(std::ptrdiff_t taken) {
  if (taken < 0 && !tls_ && would_block()) return 0;
  if (taken < 0) {
    error_ = errno;
    unheard_ = readable_ = true;
    return kBroken;
  }
  bytes_.sent += static_cast<std::uint64_t>(taken);
  has_sent_ = has_sent_ || taken > 0;
  return taken;
}

std::ptrdiff_t ServerConnection::send_now(std::string_view bytes) {
  std::string_view nothing;
  std::string_view neither;
  const std::ptrdiff_t taken = send_parts(bytes, nothing, neither);
  if (has_unsent()) want_write(true);
  return taken;
}

bool ServerConnection::try_send(std::string_view& bytes) {
  std::string_view nothing;
  std::string_view neither;
  return send_parts(bytes, nothing, neither) >= 0 && bytes.empty() && !has_unsent();
}

void ServerConnection::end_sending() {
  if (!tls_) {
    ::shutdown(fd(), SHUT_WR);
    return;
  }
  tls_->end();
  if (has_unsent()) want_write(true);
}

bool ServerConnection::has_unsent() const {
  return tls_ && tls_->has_unsent();
}

// Receiving -------------------------------------------------------------------------------------------------------

Task<Result<std::size_t>> ServerConnection::receive(char* to, std::size_t size, Milliseconds timeout,
                                                    Cancellation& cancellation) {
  std::ptrdiff_t got = has_arrived() ? receive_now(to, size) : kNothingNow;
  Woken woken = Woken::readable;
  if (got == kNothingNow) loop().arm(*this, timeout);
  while (got == kNothingNow && is_event(woken)) {
    woken = co_await Wait{*this, false, cancellation};
    if (is_event(woken)) got = receive_now(to, size);
  }
  disarm();
  if (!is_event(woken)) co_return std::unexpected(gave_up(woken, "nothing came within read_timeout"));
  if (got == kBroken) co_return std::unexpected(broken());
  co_return static_cast<std::size_t>(got);
}

std::ptrdiff_t ServerConnection::receive_now(char* to, std::size_t size) {
  readable_ = false;
  std::ptrdiff_t got = 0;
  if (tls_) {
    got = tls_->read(to, size);
    if (tls_->has_unsent()) want_write(true);
    if (tls_->has_unread() && observer_) loop().at_turn_end(*this);
  } else {
    got = ::recv(fd(), to, size, 0);
    readable_ = got == static_cast<std::ptrdiff_t>(size);  // else the kernel has no more, and says when it has
    if (got < 0) got = would_block() ? kNothingNow : (error_ = errno, kBroken);
  }
  if (got == kNothingNow && unheard_) return kBroken;
  bytes_.received += static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(got, 0));
  return got;
}

bool ServerConnection::has_arrived() const {
  return readable_ || (tls_ && tls_->has_unread());
}

bool ServerConnection::truncated() const {
  return tls_ && tls_->truncated();
}

bool ServerConnection::has_something() {
  if (has_arrived()) readable_ = !is_quiet();
  return readable_;
}

bool ServerConnection::is_quiet() {
  if (unheard_) return false;
  if (tls_) return !tls_->has_content();
  char byte = 0;
  return ::recv(fd(), &byte, 1, MSG_PEEK) < 0 && would_block();
}

// Without waiting -------------------------------------------------------------------------------------------------

void ServerConnection::observe(Observer* observer) {
  observer_ = observer;
  if (!observer) disarm();
}

void ServerConnection::want_events(bool readable, bool writable) {
  wants_room_ = writable;
  want_read(readable);
  want_write(writable || has_unsent());
  if (readable && tls_ && tls_->has_unread()) loop().at_turn_end(*this);
}

void ServerConnection::want_deadline(Milliseconds after) {
  loop().arm(*this, after);
}

/// What lies inside TLS already, of which the socket will not tell.
void ServerConnection::on_turn_end() {
  if (!closing() && observer_ && wants_read() && tls_->has_unread()) observer_->on_server_readable(*this);
}

bool ServerConnection::rest(Observer& observer, Milliseconds most) {
  if (has_unsent() || has_something()) return false;
  observe(&observer);
  want_events(true, false);
  want_deadline(most);
  rests_since_ = loop().now();
  return true;
}

Milliseconds ServerConnection::rested() const {
  return Milliseconds(loop().now() - rests_since_);
}

void ServerConnection::rouse() {
  observe(nullptr);
  bytes_ = {};
  reused_ = true;
  readable_ = has_sent_ = false;
}

}  // namespace edge
