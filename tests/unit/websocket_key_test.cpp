// The handshake's example of RFC 6455 1.3, and keys that differ.
#include "core/http/websocket_key.h"

#include <doctest/doctest.h>

namespace edge {

TEST_CASE("the example of RFC 6455") {
  CHECK(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("a key for a WebSocket is 16 random bytes in base64") {
  const std::string key = make_websocket_key();
  CHECK(key.size() == 24);
  CHECK(key.ends_with("=="));
  CHECK(key != make_websocket_key());
}

}  // namespace edge
