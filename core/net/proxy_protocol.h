// The PROXY protocol, versions 1 and 2: what a balancer writes before the client's first byte to tell whose connection
// it carries (haproxy's proxy-protocol.txt). Bytes in, facts out; no socket.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/address.h"

namespace edge {

/// A version 1 header is at most 107 bytes. One of version 2 may say that up to 64 KiB of further facts follow; senders
/// stay within a few hundred bytes, and within 4 KiB with the name in a client's certificate and keys of their own. So
/// a connection never needs more memory than this before it is known whose it is.
inline constexpr std::size_t kMostProxyHeader = 16 + 4096;

struct ProxyHeader {
  enum class Step : unsigned char { need_more, complete, malformed };

  Step step = Step::need_more;
  std::size_t consumed = 0;   // complete: the bytes of the header; what follows is the client's
  bool tells_client = false;  // complete: the ends below are those of the client's connection; else the socket's own
                              // hold: the balancer speaks for itself (LOCAL, UNKNOWN), or of no TCP client
  Address source;             // the client
  Address destination;        // where the client connected to
  std::string_view why;       // malformed: static text
};

/// Reads the header that a connection must begin with. `bytes` are all that has arrived: at most kMostProxyHeader are
/// looked at, and with so many the answer is never need_more. It is need_more only while the bytes may yet become a
/// header, so that who speaks something else is known by the first byte that differs.
ProxyHeader read_proxy_header(std::string_view bytes);

}  // namespace edge
