// TlsHandshake: a client connection until TLS is agreed on. Then another takes over its descriptor, which speaks the
// protocol that was chosen (ALPN).
#pragma once

#include <memory>

#include "core/http/connection_beginning.h"

namespace edge {

class TlsStream;

/// Until the client's first byte it holds no TLS state, so connections that only
/// open cost little.
class TlsHandshake final : public ConnectionBeginning {
 public:
  TlsHandshake(Door& door, Entrance& entrance, const ConnectionInfo& info);
  ~TlsHandshake() override;

 private:
  void on_readable() override;
  void on_writable() override;

  void step();
  void agreed();
  void answer_plain_text();
  void complain(std::string_view why);

  const std::shared_ptr<const TlsSites> sites_;  // of when it connected
  std::unique_ptr<TlsStream> stream_;
  bool answered_ = false;  // a client that does not speak TLS: it may read the page that says so
};

}  // namespace edge
