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

Result<Mailbox> Mailbox::open() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(ErrorKind::internal, Side::ours, std::string("no mailbox for a worker: ") + std::strerror(errno));
  }
  Mailbox mailbox{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) != 0) {
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);  // up to net.core.wmem_max
  }
  return mailbox;
}

Mailbox::Sent Mailbox::send(const wire::RequestHeader& header, std::string_view packet, std::string_view body,
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
  return send({.flags = wire::kQuit}, {}, {});
}

Mailbox::Sent Mailbox::send_question() {
  return send({.flags = wire::kAsk}, {}, {});
}

std::optional<wire::RequestHeader> Mailbox::take_back() {
  wire::RequestHeader header;
  // The rest of the message, and a descriptor that came with it, are dropped by the kernel.
  const ssize_t got = recv(worker_end_.get(), &header, sizeof header, MSG_DONTWAIT);
  if (got < static_cast<ssize_t>(sizeof header)) return std::nullopt;
  return header;
}

}  // namespace edge
