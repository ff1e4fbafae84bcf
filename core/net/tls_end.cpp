// A session of OpenSSL over a BIO that reads the socket straight into OpenSSL's buffer, and gathers what it writes.
#include "core/net/tls_end.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/net/tls_socket_method.h"
#include "core/page_cache.h"

namespace edge {

namespace {

/// A record of this size goes from OpenSSL's memory to the kernel without a copy, and what was gathered before with it.
constexpr std::size_t kStraight = 8 * 1024;

/// Of so much content in one call, all records leave in one send: that costs less than a system call, and a packet, for
/// each. Of more, only one record is made at a time of which the kernel may take nothing.
constexpr std::size_t kTogether = 4 * TlsOutput::kRecord;

/// How often one call asks the socket, at least: messages that are no content must not keep the loop for one client.
constexpr std::size_t kReceives = 4;

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/// A record begins with 20 to 24, or with the top bit set (the hello of SSL 2); a method with a letter.
bool begins_plain_text(char first) {
  return (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
}

}  // namespace

TlsEnd::TlsEnd(SslPointer session, TlsOutput& output, int fd) : output_(output), session_(std::move(session)), fd_(fd) {
  if (!session_) return;
  BIO* const socket = TlsSocketMethod::make(*this);
  if (socket) {
    SSL_set_bio(session_.get(), socket, socket);
  } else {
    session_.reset();
  }
}

TlsEnd::~TlsEnd() = default;

// The handshake ---------------------------------------------------------------------------------------------------

TlsEnd::Step TlsEnd::handshake() {
  if (!session_) return break_off("out of memory"), Step::failed;
  if (broken_) return Step::failed;
  if (const int flushed = flush_unsent(); flushed != 1) return flushed == 0 ? Step::wants_write : Step::failed;
  ERR_clear_error();
  receives_ = kReceives;
  const int result = SSL_do_handshake(session_.get());
  if (result != 1) return handshake_result();
  has_unread_ = SSL_has_pending(session_.get()) == 1;
  return send_gathered() ? Step::done : Step::failed;
}

TlsEnd::Step TlsEnd::handshake_result() {
  if (plain_text_) {
    output_.size = 0;  // a client has prepared its hello
    return Step::not_tls;
  }
  switch (SSL_get_error(session_.get(), 0)) {
    case SSL_ERROR_WANT_READ:
      if (!send_gathered()) return Step::failed;
      return has_unsent() ? Step::wants_write : Step::wants_read;
    case SSL_ERROR_SSL:
      break_off(refusal());
      break;
    default:
      break_off(end_of_file_ ? fmt::format("the {} left during the handshake", peer()) : std::strerror(errno));
  }
  ERR_clear_error();
  broken_ = false;  // the alert may still leave
  send_gathered();
  broken_ = true;
  unsent_ = {};
  return Step::failed;
}

// Reading ---------------------------------------------------------------------------------------------------------

int TlsEnd::receive(char* to, int size, bool& again) {
  again = receives_ == 0;
  if (receives_ == 0 || plain_text_) return -1;
  --receives_;
  const ssize_t got = ::recv(fd_, to, static_cast<std::size_t>(size), 0);
  if (got < 0) {
    again = would_block();
    return -1;
  }
  end_of_file_ = got == 0;
  if (got > 0 && got < size) receives_ = 0;  // the kernel has no more: no call only to hear so
  if (!heard_ && got > 0) {
    heard_ = true;
    plain_text_ = begins_plain_text(*to);
    if (plain_text_) return -1;
  }
  return static_cast<int>(got);
}

std::ptrdiff_t TlsEnd::read(char* to, std::size_t size) {
  has_unread_ = false;
  if (broken_) return kBroken;
  if (ended_) return 0;
  receives_ = kReceives + size / TlsOutput::kRecord;
  std::size_t got = 0;
  std::size_t step = 0;
  ERR_clear_error();
  bool more = size > 0;
  while (more && SSL_read_ex(session_.get(), to + got, size - got, &step) == 1) {
    got += step;
    more = got < size && (receives_ > 0 || SSL_has_pending(session_.get()) == 1);
  }
  const std::ptrdiff_t otherwise = more ? read_result() : kNothingNow;
  if (output_.size > 0) send_gathered();
  if (broken_ && got == 0) return kBroken;
  has_unread_ = got == size ? SSL_has_pending(session_.get()) == 1 : got > 0 && (broken_ || ended_);
  return got > 0 ? static_cast<std::ptrdiff_t>(got) : otherwise;
}

bool TlsEnd::has_content() {
  if (broken_ || ended_) return true;
  receives_ = kReceives;
  char byte = 0;
  std::size_t got = 0;
  ERR_clear_error();
  has_unread_ = SSL_peek_ex(session_.get(), &byte, 1, &got) == 1;
  const bool something = has_unread_ || read_result() != kNothingNow;
  if (output_.size > 0) send_gathered();
  return something || broken_;
}

/// What it means that SSL_read_ex() or SSL_peek_ex() gave nothing.
std::ptrdiff_t TlsEnd::read_result() {
  switch (SSL_get_error(session_.get(), 0)) {
    case SSL_ERROR_WANT_READ:
      return kNothingNow;
    case SSL_ERROR_ZERO_RETURN:
      ended_ = true;
      return 0;
    case SSL_ERROR_SSL:
      break_off(refusal());
      return kBroken;
    default:
      break_off(std::strerror(errno));
      return kBroken;
  }
}

// Writing ---------------------------------------------------------------------------------------------------------

bool TlsEnd::take(std::string_view records) {
  if (has_unsent()) return keep(records);
  const bool goes_straight = !more_follows_ && records.size() >= kStraight;
  if (goes_straight || output_.size + records.size() > TlsOutput::kCapacity) return send_with(records);
  std::memcpy(output_.records.get() + output_.size, records.data(), records.size());
  output_.size += records.size();
  return true;
}

bool TlsEnd::keep(std::string_view records) {
  if (unsent_.size() + records.size() > kMostUnsent) {
    return break_off(fmt::format("the {} makes us answer and does not read", peer())), false;
  }
  unsent_.append(records);
  return true;
}

bool TlsEnd::send_with(std::string_view records) {
  const std::string_view gathered(output_.records.get(), std::exchange(output_.size, 0));
  if (broken_ || unheard_) return false;
  if (gathered.empty() && records.empty()) return true;
  std::array parts{iovec{output_.records.get(), gathered.size()},
                   iovec{const_cast<char*>(records.data()), records.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (sent < 0 && !would_block()) return stop_sending(std::strerror(errno)), false;
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  sent_ += taken;
  const std::size_t from_gathered = std::min(taken, gathered.size());
  return keep(gathered.substr(from_gathered)) && keep(records.substr(taken - from_gathered));
}

bool TlsEnd::send_gathered() {
  if (output_.size == 0) return !broken_ && !unheard_;
  return send_with({});
}

int TlsEnd::flush_unsent() {
  if (broken_ || unheard_) return -1;
  if (!has_unsent()) return 1;
  const ssize_t sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0) {
    if (would_block()) return 0;
    return stop_sending(std::strerror(errno)), -1;
  }
  sent_ += static_cast<std::uint64_t>(sent);
  if (static_cast<std::size_t>(sent) < unsent_.size()) return unsent_.erase(0, static_cast<std::size_t>(sent)), 0;
  unsent_ = {};  // gives the memory back
  return 1;
}

bool TlsEnd::encrypt(std::string_view content) {
  std::size_t taken = 0;
  ERR_clear_error();
  if (SSL_write_ex(session_.get(), content.data(), content.size(), &taken) == 1) return true;
  if (!broken_ && !unheard_) break_off(refusal());
  output_.size = 0;
  return false;
}

std::ptrdiff_t TlsEnd::write(std::string_view head, std::string_view content) {
  if (const int flushed = flush_unsent(); flushed != 1) return flushed;
  const bool together = head.size() + content.size() <= kTogether;
  std::size_t taken = 0;
  while (!(head.empty() && content.empty()) && !has_unsent()) {
    std::string_view record = content.substr(0, TlsOutput::kRecord);
    const std::size_t from_head = std::min(head.size(), TlsOutput::kRecord);
    if (from_head > 0) {  // the end of the head shares its record with the beginning of the content
      record = content.substr(0, TlsOutput::kRecord - from_head);
      char* const end = std::ranges::copy(head.substr(0, from_head), output_.content.get()).out;
      std::ranges::copy(record, end);
      head.remove_prefix(from_head);
    }
    content.remove_prefix(record.size());
    if (from_head > 0) record = {output_.content.get(), from_head + record.size()};
    more_follows_ = together && !(head.empty() && content.empty());
    if (!encrypt(record)) return -1;
    taken += record.size();
  }
  more_follows_ = false;
  return send_gathered() ? static_cast<std::ptrdiff_t>(taken) : -1;
}

std::ptrdiff_t TlsEnd::write_file(int file, std::uint64_t offset, std::uint64_t size, bool warm) {
  if (const int flushed = flush_unsent(); flushed != 1) return flushed;
  std::uint64_t taken = 0;
  ssize_t got = 1;
  while (taken < size && !has_unsent()) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size - taken, TlsOutput::kRecord));
    char* const to = output_.content.get();
    got = warm ? ::pread(file, to, wanted, static_cast<off_t>(offset + taken))
               : read_from_memory(file, to, wanted, offset + taken);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (!encrypt({to, static_cast<std::size_t>(got)})) return -1;
    taken += static_cast<std::uint64_t>(got);
  }
  if (!send_gathered()) return -1;
  if (taken > 0 || size == 0) return static_cast<std::ptrdiff_t>(taken);
  return got < 0 && !warm ? kCold : kTooShort;
}

void TlsEnd::end() {
  if (!session_ || broken_ || SSL_is_init_finished(session_.get()) != 1) return;
  ERR_clear_error();
  SSL_shutdown(session_.get());
  ERR_clear_error();
  if (send_gathered()) flush_unsent();
}

/// The peer takes nothing more. What a server has said before it left, an early answer, is there to be read.
void TlsEnd::stop_sending(std::string why) {
  unheard_ = true;
  unsent_ = {};
  if (SSL_is_server(session_.get()) == 1) return break_off(std::move(why));
  if (error_.empty()) error_ = std::move(why);
}

void TlsEnd::break_off(std::string why) {
  broken_ = true;
  unsent_ = {};
  if (error_.empty()) error_ = std::move(why);
}

// What is known ---------------------------------------------------------------------------------------------------

std::string_view TlsEnd::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(session_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string_view TlsEnd::protocol() const {
  return SSL_get_version(session_.get());
}

std::string_view TlsEnd::cipher() const {
  const char* const name = SSL_get_cipher_name(session_.get());
  return name ? name : "";
}

bool TlsEnd::resumed() const {
  return SSL_session_reused(session_.get()) == 1;
}

}  // namespace edge
