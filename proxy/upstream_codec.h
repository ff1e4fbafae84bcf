// UpstreamCodec: one exchange at a time with a server behind edge, as bytes out and bytes in; no socket, no waiting.
// The protocols are http_codec.h, uwsgi_codec.h and fastcgi_codec.h.
//
//   codec.write_head(request, out);
//   for each piece of at most most_content() bytes:  begin_content(size, out), the piece itself, end_content(size, out)
//   codec.finish_content(out);
//   read() until it says need_more, again with what is received next, until it says complete or failed;
//   ended() when the server closes before that
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/received_answer.h"
#include "core/http/request.h"
#include "core/result.h"

namespace edge {

/// What goes to a server in place of the client's request. Views live as long as the client's request.
struct UpstreamRequest {
  explicit UpstreamRequest(Request& from) : client(from), headers(from.arena) {}

  Request& client;  // what it is made from: the client's address, scheme and id, and the arena for the answer
  std::string_view method;
  std::string_view target;       // origin form as it goes on the wire, begins with "/"; no control bytes, no blanks
  std::string_view host;         // of the Host field
  std::string_view script_name;  // uwsgi and FastCGI: the prefix that was taken off the target, decoded; may be empty
  HeaderList headers;            // end-to-end fields, those of the configuration added; never Host, Content-Length,
                                 // Transfer-Encoding, Connection, Upgrade, Keep-Alive, TE, Trailer, Expect
  bool has_content = false;
  std::optional<std::uint64_t> length;  // of the content; nothing: not known before its end
  std::string_view upgrade;             // "websocket": asks for that protocol; empty: no
  bool keep_alive = true;               // the connection is to be kept
};

/// Fields that a codec writes itself: whatever stands in UpstreamRequest::headers under such a name is left out.
inline bool is_the_codecs_own(HeaderName id) {
  return id == HeaderName::host || id == HeaderName::content_length || id == HeaderName::transfer_encoding ||
         id == HeaderName::connection || id == HeaderName::upgrade;
}

/// Of one exchange at a time and one loop; used again for others, on any connection. write_head() begins each anew,
/// whatever became of the one before. What a server answers is not believed:
/// whatever breaks the protocol is `failed`.
class UpstreamCodec {
 public:
  using Step = ReadStep;
  using Head = ReceivedHead;

  UpstreamCodec() = default;
  UpstreamCodec(const UpstreamCodec&) = delete;
  UpstreamCodec& operator=(const UpstreamCodec&) = delete;
  virtual ~UpstreamCodec() = default;

  /// Content can only be sent when its length is known before: UpstreamRequest::length must be there.
  virtual bool needs_length() const = 0;

  /// Begins an exchange and appends everything that stands before the content. Errors, with nothing appended: the
  /// request cannot be said in this protocol (headers_too_large, malformed: the client's; internal: a missing length).
  virtual Result<void> write_head(const UpstreamRequest& request, std::string& to) = 0;
  /// Bytes of content that one piece may have.
  virtual std::size_t most_content() const = 0;
  /// Appends what stands before a piece of `size` bytes, which is not 0: a chunk's size, a record's head.
  virtual void begin_content(std::size_t size, std::string& to) = 0;
  /// Appends what stands behind that piece: a line end, padding.
  virtual void end_content(std::size_t size, std::string& to) = 0;
  /// Appends what ends the content, if anything does: the last chunk, the empty record. After the last piece,
  /// also where content was announced and there is none; it has nothing to say where none was announced.
  virtual void finish_content(std::string& to) = 0;

  /// Feeds bytes that were received; at most one event a call, so it is called again, also with no byte left, until
  /// it says need_more, complete or failed. `consumed`: how many bytes were taken. On `content`, `content` is a piece
  /// that points into `from`. After a head with status 101 the answer is complete, and the bytes that were not taken
  /// are the tunnel's.
  virtual Step read(const char* from, std::size_t size, std::size_t& consumed, std::string_view& content) = 0;
  /// The server has closed, and what came before was read: `complete` where an answer may end so, else `failed`.
  virtual Step ended() = 0;

  /// After `head`, until the next one; lives as long as the request. Fields that concern the connection alone are not
  /// in it, but for Upgrade with status 101.
  virtual Head& response() = 0;
  /// After `complete`: what was received of the connection lets it take another request. Whether the request went out
  /// whole is for the caller to know.
  virtual bool reusable() const = 0;
  /// Any byte of an answer was seen in this exchange.
  virtual bool begun() const = 0;
  /// After `complete`: the trailer fields, or null. They live as long as the request.
  virtual const HeaderList* trailers() const = 0;
  /// After `failed`: bad_gateway of Side::upstream; `retryable`: the server broke off before the head was whole, or
  /// took no request, so that another one may do better than it.
  virtual const Error& error() const = 0;
};

}  // namespace edge
