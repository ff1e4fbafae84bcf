// recvmsg, and what must be true of a request.
#include "appserver/gateway/mailbox.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "appserver/gateway/process.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {
namespace {

constexpr std::uint32_t kKnownFlags = wire::kBodyInFile | wire::kQuit | wire::kAsk | wire::kBell;
constexpr std::uint32_t kNoRequest = wire::kQuit | wire::kAsk | wire::kBell;

/// The one descriptor that may come with a request. false: there were more, or other things.
bool take_descriptor(msghdr& message, Descriptor& file) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS || file) return false;
    if (part->cmsg_len != CMSG_LEN(sizeof(int))) return false;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(part), sizeof number);
    file = Descriptor(number);
  }
  return true;
}

bool is_file_of(int descriptor, std::uint64_t size) {
  struct stat facts{};
  return fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) && static_cast<std::uint64_t>(facts.st_size) == size;
}

ssize_t wait_for_bytes(int socket, msghdr& message) {
  WithoutLock without_lock;
  const ssize_t size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (size >= 0 || errno != EAGAIN) return size;
  // The edge has made the socket non-blocking, for both ends of it that are open.
  pollfd wanted{socket, POLLIN, 0};
  if (poll(&wanted, 1, -1) >= 0) errno = EAGAIN;
  return -1;
}

}  // namespace

Mailbox::Mailbox(int socket, std::size_t channels, wire::RequestRing* ring)
    : socket_(socket), channels_(channels), buffer_(std::make_unique_for_overwrite<char[]>(wire::kMaxRequestMessage)) {
  if (ring != nullptr) ring_.emplace(*ring);
}

Mailbox::Received Mailbox::receive(RequestMessage& to) {
  if (!ring_) return receive_from_socket(to, false);
  Received received = receive_from_ring(to);
  if (received != Received::nothing) return received;
  received = receive_from_socket(to, false);
  const bool is_of_ring = received == Received::nothing || received == Received::quit;
  return is_of_ring ? receive_from_ring(to) : received;
}

Mailbox::Received Mailbox::wait(RequestMessage& to) {
  if (!ring_) return receive_from_socket(to, true);
  if (process().is_stray) return Received::closed;  // the ring is the parent's
  ring_->begin_wait();
  Received received = receive_from_ring(to);
  if (received == Received::nothing) {
    received = receive_from_socket(to, true);
    if (received == Received::quit) received = receive_from_ring(to);
  }
  ring_->end_wait();
  return received;
}

/// quit: not before all requests are read that were sent before.
Mailbox::Received Mailbox::receive_from_ring(RequestMessage& to) {
  if (process().is_stray) return Received::closed;
  to.file.reset();
  for (;;) {
    if (is_turn_of_socket_) {
      const Received received = receive_in_its_turn(to);
      if (received != Received::nothing) return received;
    }
    std::size_t size = 0;
    switch (ring_->read(buffer_.get(), size)) {
      case RequestRingReader::Found::nothing:
        return quit_ ? Received::quit : Received::nothing;
      case RequestRingReader::Found::request:
        parse(size, to);
        return Received::request;
      case RequestRingReader::Found::in_socket:
        is_turn_of_socket_ = true;
        break;
      case RequestRingReader::Found::nonsense:
        abandon("a worker was sent a record that makes no sense\n");
    }
  }
}

/// A request that the ring has told of; it is not there any more if the thread got it from its sleep.
Mailbox::Received Mailbox::receive_in_its_turn(RequestMessage& to) {
  for (;;) {
    const Received received = receive_from_socket(to, false);
    if (received == Received::quit) continue;
    if (received == Received::nothing && (to.header.flags & wire::kBell) != 0) continue;
    if (received != Received::question) is_turn_of_socket_ = false;
    return received;
  }
}

Mailbox::Received Mailbox::receive_from_socket(RequestMessage& to, bool waiting) {
  if (process().is_stray) return Received::closed;
  to.file.reset();
  to.header = {};
  const ssize_t size = receive_bytes(to.file, waiting);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return Received::nothing;
  if (size <= 0) return Received::closed;
  parse(static_cast<std::size_t>(size), to);
  if ((to.header.flags & kNoRequest) == 0) return Received::request;
  if ((to.header.flags & wire::kAsk) != 0) return Received::question;
  if ((to.header.flags & wire::kBell) != 0) return Received::nothing;
  quit_ = true;
  return Received::quit;
}

/// One message of the mailbox; 0 when it was closed, negative with errno.
ssize_t Mailbox::receive_bytes(Descriptor& file, bool waiting) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary;
  iovec part{buffer_.get(), wire::kMaxRequestMessage};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const ssize_t size =
      waiting ? wait_for_bytes(socket_, message) : recvmsg(socket_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return size;
  const bool whole = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  if (!take_descriptor(message, file) || !whole) abandon("a worker was sent a request that was cut off\n");
  return size;
}

/// The first bytes of the buffer. Ends the process when they make no sense.
void Mailbox::parse(std::size_t size, RequestMessage& to) const {
  if (!is_request({buffer_.get(), size}, to)) abandon("a worker was sent a request that makes no sense\n");
}

bool Mailbox::is_request(std::string_view bytes, RequestMessage& to) const {
  if (bytes.size() < sizeof to.header) return false;
  std::memcpy(&to.header, bytes.data(), sizeof to.header);
  if ((to.header.flags & ~kKnownFlags) != 0) return false;
  if ((to.header.flags & kNoRequest) != 0) return true;
  bytes.remove_prefix(sizeof to.header);
  if (to.header.sequence == 0 || to.header.loop >= channels_) return false;
  if (bytes.size() < uwsgi::kHeaderSize) return false;
  const uwsgi::Header packet = uwsgi::decode_header(bytes.data());
  bytes.remove_prefix(uwsgi::kHeaderSize);
  if (packet.modifier1 != 0 || packet.modifier2 != 0 || packet.block_size > bytes.size()) return false;
  to.variables = bytes.substr(0, packet.block_size);
  to.body = bytes.substr(packet.block_size);
  if ((to.header.flags & wire::kBodyInFile) == 0) return !to.file && to.body.size() == to.header.body_size;
  return to.body.empty() && is_file_of(to.file.get(), to.header.body_size);
}

}  // namespace edge::gateway
