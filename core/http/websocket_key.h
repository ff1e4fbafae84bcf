// The handshake of a WebSocket in HTTP/1.1 (RFC 6455 4): proof that a server knows what it agrees to.
#pragma once

#include <string>
#include <string_view>

namespace edge {

/// A fresh value for Sec-WebSocket-Key: 16 random bytes in base64. Empty when the kernel has none.
std::string make_websocket_key();

/// What Sec-WebSocket-Accept must say to that key.
std::string websocket_accept(std::string_view key);

}  // namespace edge
