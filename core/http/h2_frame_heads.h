// H2FrameHeads: counts the frames in what a client sends, also those that nghttp2 drops without a word: of unknown
// types, and for streams that have ended. One a connection; it knows no socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace edge {

class H2FrameHeads {
 public:
  /// The next bytes of the connection. Of how many frames the head (RFC 9113 4.1) became complete with them.
  std::size_t count(std::string_view bytes);

 private:
  std::size_t skipped_ = 24;  // bytes that are no head: the preface (RFC 9113 3.4), then payloads
  std::size_t length_ = 0;    // of the payload, as far as its bytes have come
  std::size_t have_ = 0;      // bytes of a head
};

}  // namespace edge
