// Connection: one client of a public uwsgi socket: a packet, a body, an answer, the end.
#pragma once

#include <cstdint>

#include "core/http/client_connection.h"
#include "core/uwsgi/exchange.h"

namespace edge::uwsgi {

class PublicSocket;

/// A client that is done with sending is still answered on a unix socket, where the kernel tells that from a client
/// that has gone. On TCP it does not, and who ends their sending counts as gone: nginx ends a connection whose own
/// client has left, and for that one nothing more shall be computed.
class Connection final : public ClientConnection {
 public:
  Connection(PublicSocket& socket, Door& door, Entrance& entrance, const ConnectionInfo& info);

  bool begin(int fd) override;
  void drain() override;
  void tear() override;
  bool give_way() override;
  bool serves() const override { return state_ == State::serving || has_pending(); }

 private:
  enum class State : std::uint8_t { reading_packet, serving, closing, lingering };

  void on_readable() override;
  void on_writable() override;
  void on_peer_end() override;
  void on_closed() override;
  void on_deadline() override;

  bool at_rest() const;
  void read_packet();
  bool consume(std::size_t bytes);
  void turn_away();
  void serve_packet();
  void refuse_with(Error error);
  void started(Task<void> serving);
  void served();
  void answered();
  void send_rest();
  void close_softly();

  PublicSocket& socket_;
  Exchange exchange_;
  State state_ = State::reading_packet;
  bool socket_closed_ = false;
};

}  // namespace edge::uwsgi
