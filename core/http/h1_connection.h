// H1Connection: one client connection that speaks HTTP/1. While idle it is this object and nothing else (some 360
// bytes); with the first byte of a request it takes an H1Exchange from its door's pool.
#pragma once

#include <cstdint>
#include <memory>

#include "core/http/client_connection.h"
#include "core/http/h1_exchange.h"

namespace edge {

class H1Connection final : public ClientConnection {
 public:
  using ClientConnection::ClientConnection;

  bool begin(int fd) override;
  /// Idle is who has had an answer and has sent nothing since.
  void drain() override;
  void end_banned_tunnels() override;
  void tear() override;
  bool give_way() override;
  bool serves() const override { return state_ == State::serving || has_pending(); }

 private:
  enum class State : std::uint8_t { idle, reading_head, serving, closing, lingering };

  void on_readable() override;
  void on_writable() override;
  void on_closed() override;
  void on_deadline() override;

  void received_end();
  bool at_rest() const;
  bool answers_on() const;
  bool computes() const;
  bool goes_on() const;
  void watch_for_silence();
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
  void release_exchange();

  std::unique_ptr<H1Exchange> exchange_;
  State state_ = State::idle;
  bool head_deadline_ = false;  // the armed deadline is that of the head
  bool input_ended_ = false;    // the client sends no more: it has gone, or only waits for its answers
  bool unread_input_ = false;   // closing now would reset the connection under the answer
  bool socket_closed_ = false;
};

}  // namespace edge
