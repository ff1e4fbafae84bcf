// sendmsg, at once or by and by.
#include "appserver/gateway/frame_sink.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "appserver/gateway/python.h"

namespace edge::gateway {
namespace {

constexpr int kMoment = 10;  // milliseconds

}  // namespace

bool is_shortage(int error) {
  // The last: more descriptors are on their way than the user may have open.
  return error == ENOBUFS || error == ENOMEM || error == ETOOMANYREFS;
}

std::size_t size_of(std::span<const iovec> parts) {
  std::size_t size = 0;
  for (const iovec& part : parts) size += part.iov_len;
  return size;
}

void advance(std::span<iovec>& parts, std::size_t size) {
  while (!parts.empty() && size >= parts.front().iov_len) {
    size -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (size == 0) return;
  parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + size;
  parts.front().iov_len -= size;
}

ssize_t send_parts(int channel, std::span<iovec> parts, Descriptor& file, int flags) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary{};
  if (file) {
    message.msg_control = ancillary.data();
    message.msg_controllen = ancillary.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = file.get();
    std::memcpy(CMSG_DATA(rights), &number, sizeof number);
  }
  const ssize_t sent = sendmsg(channel, &message, flags | MSG_NOSIGNAL);
  if (sent > 0) file.reset();
  return sent;
}

bool WaitingChannel::send(std::span<iovec> parts, Descriptor file) {
  if (!file && ring_.write(parts)) return !ring_.owes_announcement() || announce();
  const ssize_t sent = send_parts(channel_, parts, file, MSG_DONTWAIT);
  if (sent == static_cast<ssize_t>(size_of(parts))) return true;
  if (sent < 0 && errno != EAGAIN && errno != EINTR && !is_shortage(errno)) return false;
  advance(parts, sent < 0 ? 0 : static_cast<std::size_t>(sent));
  return send_waiting(parts, file);
}

/// A channel that takes nothing has something for the loop to read, so it will look at the ring as well.
bool WaitingChannel::announce() {
  const wire::FrameHeader header{.flags = wire::kRing};
  std::array<iovec, 1> parts{{{const_cast<wire::FrameHeader*>(&header), sizeof header}}};
  Descriptor none;
  if (send_parts(channel_, parts, none, MSG_DONTWAIT) > 0 || errno == EAGAIN) return true;
  return (errno == EINTR || is_shortage(errno)) && send_waiting(parts, none);
}

bool WaitingChannel::send_waiting(std::span<iovec> parts, Descriptor& file) const {
  WithoutLock without_lock;
  while (!parts.empty()) {
    const ssize_t sent = send_parts(channel_, parts, file, 0);
    if (sent >= 0) {
      advance(parts, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd wanted{channel_, POLLOUT, 0};
      poll(&wanted, 1, -1);
    } else if (is_shortage(errno)) {
      poll(nullptr, 0, kMoment);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace edge::gateway
