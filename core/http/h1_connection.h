// H1Connection: one client connection that speaks HTTP/1. While idle it is this object and nothing else (some 330
// bytes); with the first byte of a request it takes an H1Exchange from its door's pool.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/http/h1_exchange.h"
#include "core/http/request.h"
#include "core/http/router.h"
#include "core/net/socket.h"

namespace edge {

class H1Door;

class H1Connection final : public Socket, private Deadline {
 public:
  H1Connection(H1Door& door, const Router& router, const ConnectionInfo& info)
      : door_(door), router_(router), info_(info) {}
  ~H1Connection() = default;

  /// Takes ownership of the descriptor. False: it could not be watched, and the caller deletes this.
  bool begin(int fd);
  /// Closes now if idle, else after the present answer. Idle is who has had an answer and has sent nothing since;
  /// who has only just connected has a moment for the first request.
  void drain();
  /// Closes at once; what is being served is cancelled.
  void tear();

  ConnectionInfo& info() { return info_; }
  bool gone() const { return closing(); }

  // For its exchange -------------------------------------------------------------------------------------------
  /// Queues bytes of an answer; never waits. They leave with flush_output() or at the end of the turn.
  void queue(std::string_view bytes);
  /// Room in the loop's output without sending first; 0 when earlier bytes wait for the client.
  std::size_t queue_room() const;
  char* queue_reserve();  // where queue_room() bytes may be written
  void queue_commit(std::size_t bytes);
  /// Sends what is queued. What the kernel does not take stays pending. False: the connection is gone.
  bool flush_output(int flags = 0);
  bool has_pending() const { return pending_ != nullptr; }
  /// Sends without waiting; how much the kernel took, or -1 when the connection is gone.
  std::ptrdiff_t send_now(std::string_view bytes);
  /// The same from a file; -2 when the file ends before `size`.
  std::ptrdiff_t send_file_now(int file, std::uint64_t offset, std::uint64_t size);
  void wait_readable(Milliseconds timeout);
  void wait_writable(Milliseconds timeout);
  void done_waiting();
  bool draining() const;

 private:
  friend class H1Door;
  friend class H1Exchange;
  enum class State : std::uint8_t { idle, reading_head, serving, closing, lingering };

  void on_readable() override;
  void on_writable() override;
  void on_closed() override;
  void on_deadline() override;

  void received_end();
  void process();
  bool read_head();
  void make_room_for_head();
  void begin_serving();
  void started(Task<void> serving);
  void refuse_with(Error error);
  void served();
  void after_answer();
  void become_idle();
  void close_softly();
  void discard_input();
  void release_exchange();
  void send_pending();

  H1Door& door_;
  const Router& router_;
  ConnectionInfo info_;
  std::unique_ptr<H1Exchange> exchange_;
  std::unique_ptr<std::string> pending_;  // answered, but not yet taken by the kernel
  H1Connection* next_ = nullptr;          // the door's list
  H1Connection* previous_ = nullptr;
  State state_ = State::idle;
  bool head_deadline_ = false;  // the armed deadline is that of the head
  bool unread_input_ = false;   // closing now would reset the connection under the answer
  bool socket_closed_ = false;
};

}  // namespace edge
