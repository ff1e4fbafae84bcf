// Sending requests to a worker thread, and taking unread ones back.
#include "appserver/mailbox.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace edge {

namespace {

// Two of the largest messages, or depth's worth of usual ones. The kernel doubles this for its own bookkeeping.
constexpr int kSendBuffer = 2 * static_cast<int>(wire::kMaxRequestMessage);

char* data_of(std::string_view bytes) {
  return const_cast<char*>(bytes.data());  // iovec serves both directions; sendmsg only reads
}

}  // namespace

Result<Mailbox> Mailbox::open(wire::RequestRing& ring) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(ErrorKind::internal, Side::ours, std::string("no mailbox for a worker: ") + std::strerror(errno));
  }
  Mailbox mailbox{UniqueFd(ends[0]), UniqueFd(ends[1]), ring};
  if (setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) != 0) {
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);  // up to net.core.wmem_max
  }
  return mailbox;
}

Mailbox::Sent Mailbox::send(const wire::RequestHeader& header, std::string_view packet, std::string_view body,
                            int body_file) {
  if (!ring_->is_open()) return send_message(header, packet, body, body_file);
  if (body_file < 0 && RequestRing::takes(packet, body) && ring_->push(header, packet, body)) {
    // Should no bell get through for want of kernel memory, the queue's question to a deaf thread wakes it.
    if (ring_->owes_bell()) send_message({.flags = wire::kBell}, {}, {}, -1);
    return Sent::sent;
  }
  const Sent sent = send_message(header, packet, body, body_file);
  if (sent == Sent::sent) ring_->push_in_socket();
  return sent;
}

Mailbox::Sent Mailbox::send_message(const wire::RequestHeader& header, std::string_view packet, std::string_view body,
                                    int body_file) {
  wire::RequestHeader first = header;
  iovec pieces[3] = {
      {&first, sizeof first}, {data_of(packet), packet.size()}, {data_of(body), body_file < 0 ? body.size() : 0}};
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = 3;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (body_file >= 0) {
    first.flags |= wire::kBodyInFile;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &body_file, sizeof body_file);
  }
  if (sendmsg(edge_end_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return Sent::sent;
  return errno == EAGAIN || errno == ENOBUFS ? Sent::full : Sent::failed;
}

Mailbox::Sent Mailbox::send_quit() {
  return send_message({.flags = wire::kQuit}, {}, {}, -1);
}

Mailbox::Sent Mailbox::send_question() {
  return send_message({.flags = wire::kAsk}, {}, {}, -1);
}

std::optional<wire::RequestHeader> Mailbox::take_back() {
  if (!ring_->is_open()) return take_message();
  while (const std::optional<std::uint64_t> sequence = ring_->take_back()) {
    if (*sequence != 0) return wire::RequestHeader{.sequence = *sequence};
    if (const auto request = take_request()) return request;
  }
  return take_request();  // its record has been read, or is about to be written
}

/// The next request in the socket. What else is there stays there for the worker.
std::optional<wire::RequestHeader> Mailbox::take_request() {
  std::uint32_t others = 0;
  std::optional<wire::RequestHeader> message = take_message();
  while (message && message->sequence == 0) {
    others |= message->flags;
    message = take_message();
  }
  for (const std::uint32_t flag : {wire::kBell, wire::kAsk, wire::kQuit}) {
    if ((others & flag) != 0) send_message({.flags = flag}, {}, {}, -1);
  }
  return message;
}

std::optional<wire::RequestHeader> Mailbox::take_message() {
  wire::RequestHeader header;
  // The rest of the message, and a descriptor that came with it, are dropped by the kernel.
  const ssize_t got = recv(worker_end_.get(), &header, sizeof header, MSG_DONTWAIT);
  if (got < static_cast<ssize_t>(sizeof header)) return std::nullopt;
  return header;
}

}  // namespace edge
