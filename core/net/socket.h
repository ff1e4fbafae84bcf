// Socket: one non-blocking descriptor watched by a loop. Calls on it go straight to the kernel.
//
// Read interest stays armed from watch() to close(), unless it is turned off; write interest only while a write would
// block; interest in the peer's end for who does not read meanwhile. uv_close() is asynchronous: the owner is told by
// on_closed() when its memory is free to go.
#pragma once

#include <uv.h>

#include "core/net/loop.h"

namespace edge {

class Socket {
 public:
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  Loop& loop() const { return *static_cast<Loop*>(poll_.loop->data); }

 protected:
  Socket() = default;
  ~Socket() = default;

  /// Takes ownership of the non-blocking `fd` and begins to watch it for reading. 0 or a negated errno; on failure
  /// the descriptor is closed and on_closed() is not called.
  int watch(Loop& loop, int fd);

  void want_write(bool wanted) { set_interest(wanted ? interest_ | UV_WRITABLE : interest_ & ~UV_WRITABLE); }
  void want_read(bool wanted) { set_interest(wanted ? interest_ | UV_READABLE : interest_ & ~UV_READABLE); }
  void want_end(bool wanted) { set_interest(wanted ? interest_ | UV_DISCONNECT : interest_ & ~UV_DISCONNECT); }
  bool wants_write() const { return (interest_ & UV_WRITABLE) != 0; }
  bool wants_read() const { return (interest_ & UV_READABLE) != 0; }
  bool wants_end() const { return (interest_ & UV_DISCONNECT) != 0; }

  /// Stops watching and gives the descriptor away, which another may watch at once; on_closed() follows in a later
  /// turn.
  int release();
  /// Stops watching and closes the descriptor; on_closed() follows in a later turn. Idempotent.
  void close();
  bool closing() const { return fd_ < 0; }

  virtual void on_readable() = 0;
  virtual void on_writable() = 0;
  /// While want_end(): the peer sends nothing more, or is gone. Comes again each turn until want_end(false).
  virtual void on_peer_end() {}
  /// The last call: the owner may delete the object here.
  virtual void on_closed() = 0;

 private:
  void set_interest(int interest);
  static void on_poll(uv_poll_t* poll, int status, int events);

  uv_poll_t poll_{};
  int fd_ = -1;
  int interest_ = 0;
};

}  // namespace edge
