// The lines of a head in HTTP/1 and what they must not be, how the content is framed, and the rules of chunks and
// trailers that llhttp leaves to its user.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "core/http/field_syntax.h"
#include "core/http/h1_response_parser.h"

namespace edge {
namespace {

// Heads with 1xx before the final one. RFC 9110 15.2 sets no limit: a server that says 102 every ten seconds may go on
// for almost three hours.
constexpr std::uint32_t kMostInterim = 1000;

/// RFC 9110 6.5.1: what a trailer may not say, since it comes too late or would frame the message anew;
/// and what is for edge alone.
bool may_not_trail(HeaderName id) {
  switch (id) {
    case HeaderName::connection:
    case HeaderName::content_encoding:
    case HeaderName::content_length:
    case HeaderName::content_range:
    case HeaderName::content_type:
    case HeaderName::host:
    case HeaderName::keep_alive:
    case HeaderName::location:
    case HeaderName::proxy_authenticate:
    case HeaderName::proxy_connection:
    case HeaderName::set_cookie:
    case HeaderName::te:
    case HeaderName::trailer:
    case HeaderName::transfer_encoding:
    case HeaderName::upgrade:
    case HeaderName::x_accel_buffering:
    case HeaderName::x_accel_redirect:
    case HeaderName::x_sendfile:
      return true;
    default:
      return false;
  }
}

}  // namespace

/// Two parsers on the way must never see two answers: every line ends in CR LF, and but for tabs no other control byte
/// is there. Each LF is known to follow a CR, so a control byte more than these two a line is one too many.
bool H1ResponseParser::check_controls(std::string_view head) {
  if (count_controls(head) == 2 * line_ends_.size()) return true;
  return fail_with("a bare CR or another control byte in its head"), false;
}

/// "HTTP/1.1 200 OK" or "HTTP/1.1 200".
bool H1ResponseParser::read_status_line(std::string_view line) {
  constexpr std::size_t kStatus = 9;
  constexpr std::size_t kReason = 13;
  const auto is_digit = [line](std::size_t at) { return line[at] >= '0' && line[at] <= '9'; };
  if (line.size() + 1 < kReason || line[kStatus - 1] != ' ' || line[kStatus] == '0' || !is_digit(kStatus) ||
      !is_digit(kStatus + 1) || !is_digit(kStatus + 2) || (line.size() >= kReason && line[kReason - 1] != ' ')) {
    return fail_with("a status line that is none"), false;
  }
  head_->status = (line[kStatus] - '0') * 100 + (line[kStatus + 1] - '0') * 10 + (line[kStatus + 2] - '0');
  head_->reason = line.substr(std::min(kReason, line.size()));
  return read_version(line.substr(0, kStatus - 1));
}

bool H1ResponseParser::read_version(std::string_view version) {
  is_http11_ = keep_alive_ = version == "HTTP/1.1";
  if (is_http11_ || version == "HTTP/1.0") return true;
  if (any_version_ && (version == "HTTP/2.0" || version == "HTTP/0.9")) return true;
  return fail_with("another version of HTTP than 1.0 and 1.1"), false;
}

bool H1ResponseParser::add_field(std::string_view line) {
  if (line[0] == ' ' || line[0] == '\t') return fail_with("a header field that is folded over lines"), false;
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return fail_with("a line in its head that is no field"), false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  const HeaderName id = header_name(name);
  switch (id) {
    case HeaderName::other:
      if (!is_token(name)) return fail_with("a header field whose name is no token"), false;
      break;
    case HeaderName::content_length:
      return read_length(value);
    case HeaderName::transfer_encoding:
      if (!read_codings(value)) return false;
      break;
    case HeaderName::connection:
    case HeaderName::proxy_connection:
      if (same_name(value, "keep-alive")) return true;
      keep_alive_ = keep_alive_ && !list_has(value, "close");
      break;
    default:
      break;
  }
  head_->headers.add({name, value, id});
  return true;
}

bool H1ResponseParser::read_length(std::string_view value) {
  std::uint64_t length = 0;
  const char* const end = value.data() + value.size();
  const auto [at, status] = std::from_chars(value.data(), end, length);
  if (value.empty() || status != std::errc() || at != end || head_->length) {
    return fail_with("a Content-Length that is not one number"), false;
  }
  head_->length = length;
  return true;
}

bool H1ResponseParser::read_codings(std::string_view value) {
  if (!is_http11_) return fail_with("Transfer-Encoding, which is for HTTP/1.1 alone"), false;
  if (has_codings_ || !same_name(value, "chunked")) {
    return fail_with("a Transfer-Encoding that is not chunked alone"), false;
  }
  has_codings_ = true;
  return true;
}

bool H1ResponseParser::check_fields() {
  if (has_codings_ && head_->length) return fail_with("Content-Length together with Transfer-Encoding"), false;
  if (head_->status != 101) return true;
  if (asked_.upgrade.empty()) return fail_with("101 where no other protocol was asked for"), false;
  if (!same_name(head_->headers.get(HeaderName::upgrade), asked_.upgrade)) {
    return fail_with("101 for another protocol than was asked for"), false;
  }
  return true;
}

/// RFC 9112 6.3.
ReadStep H1ResponseParser::settle_framing() {
  const int status = head_->status;
  left_ = head_->length.value_or(0);
  const bool announces_content = has_codings_ || left_ > 0;
  if (status < 200 || status == 204) {
    head_->length.reset();
    if (announces_content) keep_alive_ = false;  // it may think that content follows
  }
  if (status < 200 && status != 101) {
    if (++interim_ > kMostInterim) return fail_with("more interim answers than " + std::to_string(kMostInterim));
    if (announces_content) return fail_with("content in an interim answer");
    return ReadStep::head;
  }
  if (status == 101) {
    keep_alive_ = false;
    state_ = State::complete;
  } else if (asked_.head || status == 204 || status == 304 || (head_->length && left_ == 0)) {
    state_ = State::complete;
  } else if (has_codings_) {
    begin_chunks();
  } else {
    state_ = head_->length ? State::sized : State::until_end;
  }
  return ReadStep::head;
}

/// As in a head, for bytes that come in any pieces; and they must end.
bool H1ResponseParser::check_chunk_framing(std::string_view bytes) {
  framing_bytes_ += bytes.size();
  if (framing_bytes_ > limits_.bytes) return fail_with("chunk extensions or trailers that do not end"), false;
  for (const char byte : bytes) {
    const char last = last_framing_byte_;
    last_framing_byte_ = byte;
    if ((byte == '\n') != (last == '\r')) return fail_with("a bare CR or LF around its chunks"), false;
    if (last == '\n' && (byte == ' ' || byte == '\t')) return fail_with("a trailer that is folded over lines"), false;
  }
  return true;
}

bool H1ResponseParser::add_trailer() {
  const std::string_view name = trailer_name_;
  const std::string_view value = trimmed(trailer_value_);
  if (!is_token(name) || !is_field_text(value)) return fail_with("a trailer that is no header field"), false;
  if (!trailers_) trailers_.emplace(*arena_);
  if (!may_not_trail(header_name(name))) {
    if (trailers_->size() == limits_.fields) {
      return fail_with("more trailers than " + std::to_string(limits_.fields)), false;
    }
    trailers_->add(arena_->copy(name), arena_->copy(value));
  }
  trailer_name_.clear();
  trailer_value_.clear();
  return true;
}

}  // namespace edge
