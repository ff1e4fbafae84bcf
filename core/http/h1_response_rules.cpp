// The rules of an answer in HTTP/1 that llhttp leaves to its user, and how its content is framed.
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "core/http/field_syntax.h"
#include "core/http/h1_response_parser.h"

namespace edge {
namespace {

constexpr std::uint32_t kMostInterim = 16;  // heads with 1xx before the final one

/// RFC 9110 6.5.1: what a trailer may not say, since it comes too late or would frame the message anew.
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
      return true;
    default:
      return false;
  }
}

}  // namespace

/// "HTTP/1.1 200 OK" or "HTTP/1.1 200". llhttp takes statuses of any length.
bool H1ResponseParser::check_status_line(std::string_view text) {
  constexpr std::size_t kStatus = 9;
  const auto is_digit = [text](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (text.size() > kStatus + 3 && text[kStatus - 1] == ' ' && text[kStatus] != '0' && is_digit(kStatus) &&
      is_digit(kStatus + 1) && is_digit(kStatus + 2) && (text[kStatus + 3] == ' ' || text[kStatus + 3] == '\r')) {
    return true;
  }
  return fail_with("a status line that is none"), false;
}

/// Two parsers on the way must never see two answers: every line ends in CR LF, none goes on in the next, and but for
/// tabs no other control byte is there. The head ends in LF, and each LF is known to follow a CR.
bool H1ResponseParser::check_lines(std::string_view text) {
  std::uint8_t folded = 0;
  std::uint8_t bare = 0;
  std::uint8_t control = 0;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {  // without a branch, so that the compiler takes many at once
    const auto here = static_cast<unsigned char>(text[at]);
    const char next = text[at + 1];
    folded |= static_cast<std::uint8_t>((here == '\n') & ((next == ' ') | (next == '\t')));
    bare |= static_cast<std::uint8_t>((here == '\r') & (next != '\n'));
    const bool may_stand = (here >= 0x20) | (here == '\t') | (here == '\r') | (here == '\n');
    control |= static_cast<std::uint8_t>(!may_stand | (here == 0x7f));
  }
  if (folded) return fail_with("a header field that is folded over lines"), false;
  if (bare) return fail_with("a bare CR"), false;
  if (control) return fail_with("a control byte in its head"), false;
  return true;
}

bool H1ResponseParser::check_framing_field(const HeaderField& field) {
  if (field.id == HeaderName::content_length) {
    std::uint64_t length = 0;
    const char* const end = field.value.data() + field.value.size();
    const auto [at, status] = std::from_chars(field.value.data(), end, length);
    if (field.value.empty() || status != std::errc() || at != end || head_->length) {
      return fail_with("a Content-Length that is not one number"), false;
    }
    head_->length = length;
  } else if (field.id == HeaderName::transfer_encoding) {
    if (has_codings_ || !same_name(field.value, "chunked")) {
      return fail_with("a Transfer-Encoding that is not chunked alone"), false;
    }
    has_codings_ = true;
  }
  return true;
}

bool H1ResponseParser::check_fields() {
  has_codings_ = false;
  for (const HeaderField& field : head_->headers) {
    if (!is_token(field.name)) return fail_with("a header field whose name is no token"), false;
    if (!check_framing_field(field)) return false;
  }
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
  head_->headers.remove(HeaderName::content_length);
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
    state_ = State::chunked;
    framing_bytes_ = 0;
    last_framing_byte_ = '\n';
    trailer_name_.clear();
    trailer_value_.clear();
  } else {
    state_ = head_->length ? State::sized : State::until_end;
  }
  return ReadStep::head;
}

/// As check_lines(), for bytes that come in any pieces; and they must end.
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
