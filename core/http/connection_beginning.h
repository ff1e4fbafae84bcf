// ConnectionBeginning: a client connection until it is known what it speaks, or whose it is. Then it passes its
// descriptor on (Door::pass_on) to the connection that it is the beginning of.
#pragma once

#include "core/http/client_connection.h"

namespace edge {

/// Has header_timeout for it, and at a stop the moment that anyone has who has only just connected.
class ConnectionBeginning : public ClientConnection {
 public:
  using ClientConnection::ClientConnection;

  bool begin(int fd) override;
  void drain() override;
  void tear() override;
  bool give_way() override;
  bool serves() const override { return false; }

 protected:
  ~ConnectionBeginning() override = default;
  void on_writable() override {}
  void on_deadline() override { tear(); }

 private:
  void on_closed() override;
};

}  // namespace edge
