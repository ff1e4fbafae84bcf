// Pseudo header fields, cookie crumbs, and the limits of a head.
#include "core/http/h2_head.h"

#include <cstring>

#include "core/http/accept_target.h"
#include "core/http/h1_methods.h"

namespace edge {

namespace {
constexpr std::size_t kFieldFraming = 4;  // ": " and a line end, as HTTP/1 would have: one setting, one meaning
}  // namespace

void H2Head::begin(Request& request, const HttpSettings& limits) {
  request_ = &request;
  limits_ = &limits;
  authority_ = protocol_ = {};
  size_ = 0;
  content_length_.reset();
  expects_continue_ = refused_ = false;
  request.version = HttpVersion::http2;
}

void H2Head::refuse(ErrorKind kind, const char* why) {
  if (std::exchange(refused_, true)) return;
  error_ = {kind, Side::client, false, why};
}

/// nghttp2 lets only those through that there are.
void H2Head::add_pseudo(std::string_view name, std::string_view value) {
  Arena& arena = request_->arena;
  switch (name[1]) {
    case 'm':  // :method
      request_->method_name = arena.copy(value);
      request_->method = method_of(request_->method_name);
      break;
    case 'a':  // :authority
      authority_ = arena.copy(value);
      break;
    case 'p':
      if (name == ":protocol") {
        protocol_ = arena.copy(value);
      } else if (value.size() > limits_->max_uri) {
        refuse(ErrorKind::uri_too_long, "the request target is longer than max_uri");
      } else {
        request_->target = arena.copy(value);
      }
      break;
    default:  // :scheme
      break;
  }
}

void H2Head::add(std::string_view name, std::string_view value) {
  size_ += name.size() + value.size() + kFieldFraming;
  if (size_ > limits_->max_header_size) {
    return refuse(ErrorKind::headers_too_large, "the request head is larger than max_header_size");
  }
  if (name.starts_with(':')) return add_pseudo(name, value);
  if (request_->headers.size() == limits_->max_headers) {
    return refuse(ErrorKind::headers_too_large, "more header fields than max_headers");
  }
  const HeaderName id = header_name(name);
  Arena& arena = request_->arena;
  request_->headers.add({id == HeaderName::other ? arena.copy(name) : header_spelling(id), arena.copy(value), id});
}

/// A client may send its cookies in crumbs, because they compress better; a handler sees one field (RFC 9113 8.2.3).
void H2Head::join_cookies() {
  std::size_t size = 0;
  std::size_t crumbs = 0;
  for (const HeaderField& field : request_->headers) {
    if (field.id != HeaderName::cookie) continue;
    size += field.value.size() + 2;
    ++crumbs;
  }
  if (crumbs < 2) return;
  char* const joined = request_->arena.allocate_chars(size);
  char* at = joined;
  for (const HeaderField& field : request_->headers) {
    if (field.id != HeaderName::cookie) continue;
    if (at != joined) {
      std::memcpy(at, "; ", 2);
      at += 2;
    }
    at += field.value.copy(at, field.value.size());
  }
  request_->headers.set(HeaderName::cookie, {joined, static_cast<std::size_t>(at - joined)});
}

Result<void> H2Head::complete() {
  request_->head_size = static_cast<std::uint32_t>(size_);
  if (refused_) return std::unexpected(error_);
  if (!is_known_method(request_->method_name)) {
    return fail(ErrorKind::not_implemented, Side::client, "unknown method");
  }
  if (request_->method == Method::connect && protocol_.empty()) {
    return fail(ErrorKind::not_implemented, Side::client, "CONNECT is not implemented");
  }
  request_->upgrade = protocol_;
  int hosts = 0;
  for (const HeaderField& field : request_->headers) {
    if (field.id == HeaderName::host) ++hosts;
    if (field.id != HeaderName::expect) continue;
    if (!same_name(field.value, "100-continue")) {
      return fail(ErrorKind::expectation_failed, Side::client, "the only expectation understood here is 100-continue");
    }
    expects_continue_ = true;
  }
  if (hosts > 1) return fail(ErrorKind::malformed, Side::client, "more than one Host field");
  content_length_ = declared_length(request_->headers);
  join_cookies();
  if (const Result<void> accepted = accept_target(*request_, authority_); !accepted) return accepted;
  if (hosts == 0 && !authority_.empty()) request_->headers.add(HeaderName::host, authority_);
  return {};
}

}  // namespace edge
