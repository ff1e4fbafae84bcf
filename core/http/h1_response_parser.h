// H1ResponseParser: one server's answer in HTTP/1 (RFC 9112), heads, content and trailers. Bytes in, events out; no
// socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/received_answer.h"
#include "core/http/request.h"
#include "core/result.h"

namespace edge {

/// What of a request decides how its answer is read.
struct H1Asked {
  bool head = false;         // by HEAD: no content comes, whatever the head says
  std::string_view upgrade;  // the protocol that was asked for; empty: none
};

class H1ResponseParser {
 public:
  /// `any_version`: also what is no version of HTTP/1. uWSGI's answers repeat the version that the request named.
  explicit H1ResponseParser(HeadLimits limits, bool any_version = false);
  ~H1ResponseParser();
  H1ResponseParser(const H1ResponseParser&) = delete;
  H1ResponseParser& operator=(const H1ResponseParser&) = delete;

  /// Prepares for the answer to another request. `arena`: for heads and trailers.
  void begin(Arena& arena, const H1Asked& asked);

  /// Feeds bytes that were not fed yet; at most one event a call. `consumed`: how many were taken. On `content`,
  /// `content` points into `from`. An answer without content, and one of a known length, are complete without another
  /// byte: ask again with none. After `complete` any byte that is left spoils reusable(); after a head with status 101
  /// it is the other protocol's.
  ReadStep read(const char* from, std::size_t size, std::size_t& consumed, std::string_view& content);
  /// The server has closed: `complete` or `failed`.
  ReadStep ended();

  /// After `head`, until the next head. Every field as it was received, but for Content-Length, and for Connection
  /// and Proxy-Connection where they say no more than that the connection is kept.
  ReceivedHead& head() { return *head_; }
  /// After `complete`: the connection may take another request.
  bool reusable() const { return state_ == State::complete && keep_alive_; }
  /// Any byte was fed since begin().
  bool begun() const { return begun_; }
  /// After `complete`: those of a chunked answer that concern its content or framing left out; null when there is none.
  const HeaderList* trailers() const { return trailers_ && trailers_->size() > 0 ? &*trailers_ : nullptr; }
  /// After `failed`: bad_gateway, Side::upstream; `retryable`: the server closed before the head was whole.
  const Error& error() const { return error_; }

 private:
  struct Callbacks;
  struct Machine;  // llhttp's state, for chunks
  enum class State : std::uint8_t { head, sized, chunked, until_end, complete, failed };

  ReadStep read_head(std::string_view text, std::size_t& consumed);
  ReadStep read_chunked(std::string_view text, std::size_t& consumed, std::string_view& content);
  ReadStep find_head_end(std::string_view text, std::size_t from, std::size_t& end);
  ReadStep parse_head(std::string_view text);
  ReadStep settle_framing();
  bool check_controls(std::string_view head);
  bool read_status_line(std::string_view line);
  bool read_version(std::string_view version);
  bool add_field(std::string_view line);
  bool read_length(std::string_view value);
  bool read_codings(std::string_view value);
  bool check_fields();
  void begin_chunks();
  bool check_chunk_framing(std::string_view bytes);
  bool add_trailer();
  ReadStep fail_with(std::string_view why);
  ReadStep stop(int code);

  std::unique_ptr<Machine> machine_;
  HeadLimits limits_;
  bool any_version_;
  Arena* arena_ = nullptr;
  H1Asked asked_;
  State state_ = State::head;
  bool begun_ = false;
  bool keep_alive_ = false;
  bool is_http11_ = false;
  bool has_codings_ = false;              // the head names a transfer coding, which is chunked
  std::string partial_;                   // of a head, until it is whole
  std::vector<std::uint32_t> line_ends_;  // of the head, behind each LF; bounded as its fields are
  std::uint32_t interim_ = 0;             // heads with 1xx so far
  std::uint64_t left_ = 0;                // content that is still to come, of a known length
  std::string trailer_name_;
  std::string trailer_value_;
  std::string_view content_;       // found by the present call
  std::size_t framing_bytes_ = 0;  // of chunk sizes, extensions and trailers since the last piece of content
  char last_framing_byte_ = 0;
  bool message_complete_ = false;
  std::optional<ReceivedHead> head_;
  std::optional<HeaderList> trailers_;
  Error error_;
};

}  // namespace edge
