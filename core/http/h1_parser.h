// H1Parser: the head and the body framing of one HTTP/1 request (RFC 9112), by llhttp in strict mode. Bytes in,
// events out; no socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/http/request.h"
#include "core/http/settings.h"
#include "core/result.h"

namespace edge {

/// How a request's body is framed and what its head asks of the connection.
struct H1Framing {
  bool keep_alive = false;
  bool chunked = false;
  bool expect_continue = false;
  std::optional<std::uint64_t> content_length;
  bool has_body() const { return chunked || (content_length && *content_length > 0); }
};

class H1Parser {
 public:
  H1Parser();
  ~H1Parser();
  H1Parser(const H1Parser&) = delete;
  H1Parser& operator=(const H1Parser&) = delete;

  /// Prepares for the head of a new request, whose fields go to `request`.
  void begin(Request& request, const HttpSettings& limits);

  enum class Step : std::uint8_t { need_more, complete, failed };

  /// Feeds the bytes from `from` on that were not fed yet. All bytes of a head must lie one behind the other in
  /// memory that does not move until the head is complete (move it: begin() again). `consumed` is set to how many
  /// of them were taken; on `complete` the rest belongs to the body, or to the next request.
  Step parse_head(const char* from, std::size_t size, std::size_t& consumed);

  /// Feeds bytes of the body. At most one piece of content is found in a call; it points into `from`. `complete`: the
  /// message has ended.
  Step parse_body(const char* from, std::size_t size, std::size_t& consumed, std::string_view& content);

  const H1Framing& framing() const { return framing_; }
  bool failed() const { return failed_; }
  /// After `failed`.
  const Error& error() const { return error_; }

 private:
  struct Callbacks;
  struct Machine;  // llhttp's state

  /// `text`: what there is of the head, or of the content.
  Step stop(int code, std::string_view text);
  Step fail_with(ErrorKind kind, const char* why);
  bool check_head(const char* from, std::size_t size);
  bool check_fields();
  bool check_framing_field(const HeaderField& field);

  std::unique_ptr<Machine> machine_;
  Request* request_ = nullptr;
  const HttpSettings* limits_ = nullptr;
  const char* head_ = nullptr;  // first byte of the head
  std::string_view name_;       // of the field being read
  std::string_view value_;
  std::string_view fed_;           // the bytes that are being parsed
  bool in_value_ = false;          // of a trailer, of which a part was seen
  bool value_cut_ = false;         // and the part ended with the bytes at hand
  std::string_view content_;       // found by the present call of parse_body
  std::size_t framing_bytes_ = 0;  // of chunk sizes, extensions and trailers since the last piece of content
  bool head_complete_ = false;
  bool complete_ = false;
  bool failed_ = false;
  H1Framing framing_;
  Error error_;
};

}  // namespace edge
