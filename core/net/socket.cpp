// One watched descriptor on uv_poll_t.
#include "core/net/socket.h"

#include <unistd.h>

#include <utility>

namespace edge {

namespace {
Socket* owner(uv_poll_t* poll) {
  return static_cast<Socket*>(poll->data);
}
}  // namespace

int Socket::watch(Loop& loop, int fd) {
  if (const int status = uv_poll_init(loop.uv(), &poll_, fd); status != 0) {
    ::close(fd);
    return status;
  }
  poll_.data = this;
  fd_ = fd;
  set_interest(UV_READABLE);
  return 0;
}

void Socket::set_interest(int interest) {
  if (interest == interest_ || closing()) return;
  interest_ = interest;
  if (interest == 0) {
    uv_poll_stop(&poll_);
    return;
  }
  uv_poll_start(&poll_, interest, on_poll);
}

void Socket::on_poll(uv_poll_t* poll, int status, int events) {
  Socket* self = owner(poll);
  if (status < 0) {
    // An error (EPOLLERR) is reported as both directions: the next call on the descriptor says what it is. libuv has
    // stopped watching, but what came before the error may take several calls to read.
    events = self->interest_;
    uv_poll_start(poll, events, on_poll);
  }
  if (events & UV_READABLE) self->on_readable();
  if ((events & UV_WRITABLE) && !self->closing() && self->wants_write()) self->on_writable();
  if ((events & UV_DISCONNECT) && !self->closing() && self->wants_end()) self->on_peer_end();
}

int Socket::release() {
  interest_ = 0;
  // Takes the descriptor out of epoll too, before its number can be reused.
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_),
           [](uv_handle_t* handle) { static_cast<Socket*>(handle->data)->on_closed(); });
  return std::exchange(fd_, -1);
}

void Socket::close() {
  if (!closing()) ::close(release());
}

}  // namespace edge
