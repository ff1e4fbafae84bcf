// What an HTTP/2 connection puts up with: frames, heads and breaches of which too many end it (RFC 9113 10.5).
#include <nghttp2/nghttp2.h>

#include "core/http/door.h"
#include "core/http/h2_connection.h"

namespace edge {

namespace {
constexpr std::uint32_t kMostContinuations = 7;  // a head of 128 KiB; nghttp2 would break off without a word at 9
constexpr std::size_t kHopelessFactor = 4;       // a head of so many times max_header_size is an attack
constexpr std::size_t kFieldOverhead = 32;       // bytes, as RFC 9113 6.5.2 counts them
}  // namespace

bool H2Connection::flood(const char* what) {
  flood_ = what;
  return false;
}

bool H2Connection::is_of_ended_stream(std::int32_t id) {
  return id <= nghttp2_session_get_last_proc_stream_id(session()) && !nghttp2_session_find_stream(session(), id);
}

bool H2Connection::frame_begins(std::uint8_t type, std::uint8_t flags, std::int32_t stream, std::size_t length) {
  using Kind = H2Guard::Kind;
  if (type != NGHTTP2_HEADERS || !is_of_ended_stream(stream)) ++noticed_;
  if (type != NGHTTP2_CONTINUATION) in_head_ = false;  // one that was refused ends without a word
  const bool ends_stream = (flags & NGHTTP2_FLAG_END_STREAM) != 0;
  Kind kind = Kind::other;
  switch (type) {
    case NGHTTP2_HEADERS:
      continuations_ = 0;
      head_left_ = kHopelessFactor * (settings().max_header_size + std::size_t{1024});
      return true;
    case NGHTTP2_CONTINUATION:
      return ++continuations_ <= kMostContinuations || flood("CONTINUATION");
    case NGHTTP2_DATA:
      if (length > 0 || ends_stream) return true;
      kind = Kind::empty_data;
      break;
    case NGHTTP2_SETTINGS:
      kind = Kind::settings;
      break;
    case NGHTTP2_PING:
      kind = Kind::ping;
      break;
    case NGHTTP2_RST_STREAM:
      kind = Kind::reset;
      break;
    case NGHTTP2_WINDOW_UPDATE:
      kind = Kind::window_update;
      break;
    case NGHTTP2_PRIORITY:
    case NGHTTP2_PRIORITY_UPDATE:
      kind = Kind::priority;
      break;
    default:
      break;
  }
  return guard_.lets_pass(kind, loop().now()) || flood(name_of(kind));
}

bool H2Connection::only_padding_arrives() {
  return guard_.lets_pass(H2Guard::Kind::empty_data, loop().now()) || flood(name_of(H2Guard::Kind::empty_data));
}

/// What nghttp2 has dropped of so many frames. False: the client goes too far.
bool H2Connection::overlooks(std::size_t frames) {
  if (nghttp2_session_want_read(session()) == 0) return true;  // it ends, and looks at nothing more
  for (; frames > noticed_; --frames) {
    if (!guard_.lets_pass(H2Guard::Kind::ignored, loop().now())) return flood(name_of(H2Guard::Kind::ignored));
  }
  return true;
}

bool H2Connection::field_arrives(std::size_t bytes) {
  const std::size_t size = bytes + kFieldOverhead;
  if (size > head_left_) return flood("bytes in a head");
  head_left_ -= size;
  return true;
}

/// A client can have its requests reset by breaking the rules as well as by asking for it.
void H2Connection::reset_sent(std::uint32_t code) {
  const bool clients_fault = code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
                             code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR;
  if (clients_fault && !guard_.lets_pass(H2Guard::Kind::breach, loop().now())) {
    flood(name_of(H2Guard::Kind::breach));
  }
}

}  // namespace edge
