// Datagrams on the control channel.
#include "appserver/gateway/control.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "appserver/gateway/python.h"

namespace edge::gateway {
namespace {

using Clock = std::chrono::steady_clock;

bool wait_until_writable(int descriptor, Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  if (left.count() <= 0) return false;
  WithoutLock without_lock;
  pollfd wanted{descriptor, POLLOUT, 0};
  const int ready = poll(&wanted, 1, static_cast<int>(left.count()));
  return ready > 0 || (ready < 0 && errno == EINTR);
}

void take_descriptors(msghdr& message, std::vector<Descriptor>& to) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof number);
      to.emplace_back(number);
    }
  }
}

}  // namespace

bool Control::send(wire::ControlHeader header, std::string_view text, std::chrono::milliseconds patience) const {
  header.size = static_cast<std::uint32_t>(text.size());
  std::array<iovec, 2> parts{iovec{&header, sizeof header}, iovec{const_cast<char*>(text.data()), text.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const auto until = Clock::now() + patience;
  for (;;) {
    if (sendmsg(channel_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != ENOBUFS) return false;
    if (!wait_until_writable(channel_.get(), until)) return false;
  }
}

Control::Received Control::receive(Command& to) const {
  constexpr std::size_t kMostDescriptors = 253;  // the kernel's SCM_MAX_FD
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> ancillary;
  std::array<char, wire::kMaxControl> bytes;
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const ssize_t size = recvmsg(channel_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? Received::nothing : Received::closed;
  if (size == 0) return Received::closed;
  to.descriptors.clear();
  take_descriptors(message, to.descriptors);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || static_cast<std::size_t>(size) < sizeof to.header) {
    return Received::broken;
  }
  std::memcpy(&to.header, bytes.data(), sizeof to.header);
  const std::size_t text = static_cast<std::size_t>(size) - sizeof to.header;
  return to.header.size == text ? Received::command : Received::broken;
}

}  // namespace edge::gateway
