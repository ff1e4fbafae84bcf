// sendmsg and recv without waiting.
#include "appserver/gateway/frame_queue.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "appserver/gateway/process.h"

namespace edge::gateway {

bool FrameQueue::send(std::span<iovec> parts, Descriptor file) {
  if (closed_) return false;
  if (frames_.empty()) {
    const ssize_t sent = send_parts(channel_, parts, file, MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(size_of(parts))) return true;
    if (!wait_after(sent < 0 ? errno : EAGAIN)) return false;
    advance(parts, sent < 0 ? 0 : static_cast<std::size_t>(sent));
  }
  keep(parts, std::move(file));
  return true;
}

/// After a send that took not all, and why. false: the edge has closed the channel.
bool FrameQueue::wait_after(int reason) {
  if (is_shortage(reason)) {
    watch_.wait_a_moment();
    return true;
  }
  switch (reason) {
    case EAGAIN:
    case EINTR:
      watch_.wait_for_room(channel_);
      return true;
    case EPIPE:
    case ECONNRESET:
      close();
      return false;
    default:
      abandon(std::string("the worker cannot send its answers (") + std::strerror(reason) +
              "): has the application closed descriptors of others?\n");
  }
}

void FrameQueue::keep(std::span<const iovec> parts, Descriptor file) {
  const std::size_t size = size_of(parts);
  // The descriptor goes with the first byte of its own frame, so such a frame is joined to none before it.
  if (frames_.empty() || file || frames_.back().bytes.size() + size > kMostJoined) frames_.emplace_back();
  Waiting& frame = frames_.back();
  if (file) frame.file = std::move(file);
  for (const iovec& part : parts) frame.bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
  waiting_size_ += size;
}

bool FrameQueue::flush() {
  while (!frames_.empty()) {
    Waiting& frame = frames_.front();
    iovec part{frame.bytes.data() + frame.sent, frame.bytes.size() - frame.sent};
    const ssize_t sent = send_parts(channel_, {&part, 1}, frame.file, MSG_DONTWAIT);
    if (sent < 0) return !wait_after(errno);
    frame.sent += static_cast<std::size_t>(sent);
    waiting_size_ -= static_cast<std::size_t>(sent);
    if (frame.sent == frame.bytes.size()) frames_.pop_front();
  }
  return true;
}

void FrameQueue::close() {
  closed_ = true;
  frames_.clear();
  waiting_size_ = 0;
}

bool FrameQueue::read_notices(std::vector<wire::Notice>& to) {
  const ssize_t size =
      recv(channel_, notice_bytes_.data() + notice_size_, notice_bytes_.size() - notice_size_, MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  notice_size_ += static_cast<std::size_t>(size);
  std::size_t at = 0;
  for (; notice_size_ - at >= sizeof(wire::Notice); at += sizeof(wire::Notice)) {
    std::memcpy(&to.emplace_back(), notice_bytes_.data() + at, sizeof(wire::Notice));
  }
  notice_size_ -= at;
  std::memmove(notice_bytes_.data(), notice_bytes_.data() + at, notice_size_);
  return true;
}

}  // namespace edge::gateway
