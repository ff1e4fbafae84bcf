// PriorKnowledge: a client connection without TLS until its first bytes tell whether it speaks HTTP/2 (RFC 9113 3.3) or
// HTTP/1. Then another takes over its descriptor.
#pragma once

#include "core/http/client_connection.h"

namespace edge {

/// Until the first byte it is idle as HTTP/1 is; the first bytes must tell within header_timeout.
class PriorKnowledge final : public ClientConnection {
 public:
  using ClientConnection::ClientConnection;

  bool begin(int fd) override;
  void drain() override;
  void tear() override;

 private:
  void on_readable() override;
  void on_writable() override {}
  void on_closed() override;
  void on_deadline() override { tear(); }
  bool wake_at(int bytes);
  void become(bool http2);

  bool waits_for_more_ = false;  // the first bytes alone do not tell
};

}  // namespace edge
