// Control messages: one seqpacket message each, the sender's identity from the kernel.
#include "appserver/control_channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/log.h"

namespace edge {

namespace {

constexpr int kMostReadsAtOnce = 1024;         // of a sender that never stops
constexpr std::size_t kMostDescriptors = 253;  // of one message, unix(7)
constexpr Milliseconds kTryAgain{20};

/// Nobody can say when it is over, so it is tried again.
bool is_shortage(int reason) {
  return reason == ENOBUFS || reason == ENOMEM || reason == ETOOMANYREFS;
}

}  // namespace

Result<ControlChannel::Ends> ControlChannel::make_ends() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(ErrorKind::internal, Side::ours, std::string("no control channel: ") + std::strerror(errno));
  }
  Ends made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  const int on = 1;
  setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  return made;
}

Result<ControlChannel::Ref> ControlChannel::open(Loop& loop, UniqueFd edge_end, Received received) {
  auto* const channel = new ControlChannel(std::move(received));
  if (channel->watch(loop, edge_end.release()) == 0) return Ref(channel);
  delete channel;
  return fail(ErrorKind::internal, Side::ours, "the main loop cannot watch a control channel");
}

void ControlChannel::finish() {
  received_ = nullptr;
  outgoing_.clear();
  disarm();
  close();
}

void ControlChannel::send(const wire::ControlHeader& header, std::vector<UniqueFd> descriptors) {
  Message message{header, std::move(descriptors)};
  if (outgoing_.empty() && send_one(message)) return;
  outgoing_.push_back(std::move(message));
}

void ControlChannel::on_writable() {
  while (!outgoing_.empty()) {
    if (!send_one(outgoing_.front())) return;
    outgoing_.pop_front();
  }
  want_write(false);
}

void ControlChannel::send_later(int reason) {
  want_write(!is_shortage(reason));
  if (!is_shortage(reason)) return;
  loop().arm(*this, kTryAgain);
  if (std::exchange(warned_, true)) return;
  log::warn("an app's processes cannot be told anything for now: {}; it is tried again", std::strerror(reason));
}

/// False when it is to be sent later. A channel whose other end has gone takes everything: the process's end says it.
bool ControlChannel::send_one(const Message& message) {
  iovec piece{const_cast<wire::ControlHeader*>(&message.header), sizeof message.header};
  msghdr envelope{};
  envelope.msg_iov = &piece;
  envelope.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  if (!message.descriptors.empty()) {
    std::array<int, kMostDescriptors> numbers{};
    const std::size_t bytes = message.descriptors.size() * sizeof(int);
    for (std::size_t i = 0; i < message.descriptors.size(); ++i) numbers[i] = message.descriptors[i].get();
    envelope.msg_control = control.data();
    envelope.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* const rights = CMSG_FIRSTHDR(&envelope);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(rights), numbers.data(), bytes);
  }
  if (sendmsg(fd(), &envelope, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
    warned_ = false;
    return true;
  }
  const int reason = errno;
  if (reason == EAGAIN || is_shortage(reason)) {
    send_later(reason);
    return false;
  }
  if (reason != EPIPE && reason != ECONNRESET) {
    log::error("an app's processes could not be told something: {}", std::strerror(reason));
  }
  return true;
}

void ControlChannel::on_readable() {
  read_one();
}

void ControlChannel::read_all() {
  for (int i = 0; i < kMostReadsAtOnce; ++i) {
    if (!read_one()) return;
  }
}

bool ControlChannel::read_one() {
  static thread_local std::array<char, wire::kMaxControl> text;
  wire::ControlHeader header;
  std::array<iovec, 2> pieces{iovec{&header, sizeof header}, iovec{text.data(), text.size()}};
  // Room for who sent it and no more: descriptors, which nobody is to send us, are dropped by the kernel.
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control;
  msghdr envelope{};
  envelope.msg_iov = pieces.data();
  envelope.msg_iovlen = pieces.size();
  envelope.msg_control = control.data();
  envelope.msg_controllen = control.size();
  const ssize_t size = recvmsg(fd(), &envelope, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size <= 0) {
    want_read(false);  // nobody has the other end; the process's end is told apart
    return false;
  }
  pid_t sender = 0;
  const cmsghdr* const part = CMSG_FIRSTHDR(&envelope);
  if (part && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS) {
    ucred who;
    std::memcpy(&who, CMSG_DATA(part), sizeof who);
    sender = who.pid;
  }
  const auto got = static_cast<std::size_t>(size);
  if (got < sizeof header || header.size != got - sizeof header) return true;
  if (received_) received_(header, sender, {text.data(), header.size});
  return true;
}

}  // namespace edge
