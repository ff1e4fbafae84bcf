// The session of nghttp2 behind an HTTP/2 connection: how it is made, and what it tells whom. Its callbacks only take
// note: no handler runs in them, nothing is sent, and nothing is destroyed.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/http/settings.h"

namespace edge {

class H2Connection;
class H2Memory;
class H2Stream;

namespace h2_session {

constexpr std::size_t kFrameHead = 9;            // bytes (RFC 9113 4.1)
constexpr std::size_t kMostInFrame = 16 * 1024;  // content of a DATA frame: SETTINGS_MAX_FRAME_SIZE as it begins
constexpr std::uint32_t kMostStreams = 128;      // SETTINGS_MAX_CONCURRENT_STREAMS; also requests whose handler runs
constexpr std::uint32_t kStreamWindow = 65'535;  // of a request's content that nobody has read yet, as it begins
constexpr std::int32_t kConnectionWindow = 256 * 1024;  // four uploads at full speed, and no more memory than that

/// For a connection that begins: with edge's own SETTINGS queued. Deleted by nghttp2_session_del(), before `memory`.
nghttp2_session* make(H2Connection& connection, const HttpSettings& limits, H2Memory& memory);

/// Queues the head of an answer; content is asked of the stream when there is room for it.
void submit_answer(nghttp2_session* session, H2Stream& stream, std::span<const nghttp2_nv> fields,
                   bool content_follows);

/// GOAWAY after which new requests are still taken, and the question after which none can be under way any more
/// (RFC 9113 6.8). What answers it ends in H2Connection::drain_answered().
void announce_end(nghttp2_session* session);
/// GOAWAY: what has begun is finished, nothing else is taken.
void take_no_more(nghttp2_session* session);

}  // namespace h2_session
}  // namespace edge
