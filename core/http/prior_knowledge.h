// PriorKnowledge: a client connection without TLS until its first bytes tell whether it speaks HTTP/2 (RFC 9113 3.3) or
// HTTP/1. Then another takes over its descriptor.
#pragma once

#include "core/http/connection_beginning.h"

namespace edge {

/// Until the first byte it is idle as HTTP/1 is; the first bytes must tell within header_timeout.
class PriorKnowledge final : public ConnectionBeginning {
 public:
  using ConnectionBeginning::ConnectionBeginning;

  bool begin(int fd) override;
  void drain() override;

 private:
  void on_readable() override;
  bool wake_at(int bytes);
  void become(bool http2);

  bool waits_for_more_ = false;  // the first bytes alone do not tell
};

}  // namespace edge
