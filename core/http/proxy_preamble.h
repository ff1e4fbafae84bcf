// ProxyPreamble: a client connection until the header of the PROXY protocol has told whose it is. Then another takes
// over its descriptor.
#pragma once

#include <string>
#include <string_view>

#include "core/http/connection_beginning.h"

namespace edge {

/// Who is no trusted proxy is not listened to.
class ProxyPreamble final : public ConnectionBeginning {
 public:
  using ConnectionBeginning::ConnectionBeginning;

 private:
  void on_readable() override;
  void on_deadline() override { refuse("its header did not arrive within header_timeout"); }

  bool consume(std::size_t bytes);
  void refuse(std::string_view why);

  std::string seen_;  // what has come so far of a header that came in pieces
};

}  // namespace edge
