// One HTTP/1 request by llhttp, with the checks that llhttp leaves to its user.
#include "core/http/h1_parser.h"

#include <llhttp.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/count_bytes.h"
#include "core/http/field_syntax.h"

namespace edge {

namespace {

// A chunk's size line with its extensions, or all trailers together, may be so long.
constexpr std::size_t kMaxChunkFraming = 8 * 1024;

std::string_view joined(std::string_view text, const char* at, std::size_t size) {
  return text.empty() ? std::string_view(at, size) : std::string_view(text.data(), text.size() + size);
}

std::string_view without_trailing_space(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Method method_of(unsigned code) {
  switch (code) {
    case HTTP_GET:
      return Method::get;
    case HTTP_HEAD:
      return Method::head;
    case HTTP_POST:
      return Method::post;
    case HTTP_PUT:
      return Method::put;
    case HTTP_DELETE:
      return Method::delete_;
    case HTTP_OPTIONS:
      return Method::options;
    case HTTP_TRACE:
      return Method::trace;
    case HTTP_CONNECT:
      return Method::connect;
    case HTTP_PATCH:
      return Method::patch;
    default:
      return Method::other;
  }
}

/// Whether a request begins there, and not another protocol. Before the space that ends it, a method is one in
/// capitals.
bool begins_with_method(std::string_view text) {
  const auto may_be_in_method = [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; };
  const std::size_t end = text.find(' ');
  if (end != text.npos) return is_token(text.substr(0, end));
  return !text.empty() && std::ranges::all_of(text, may_be_in_method);
}

}  // namespace

struct H1Parser::Machine {
  llhttp_t state;
};

struct H1Parser::Callbacks {
  static H1Parser& self(llhttp_t* state) { return *static_cast<H1Parser*>(state->data); }

  static int refuse(H1Parser& parser, ErrorKind kind, const char* why) {
    parser.fail_with(kind, why);
    return HPE_USER;
  }

  static int on_url(llhttp_t* state, const char* at, std::size_t size) {
    H1Parser& parser = self(state);
    Request& request = *parser.request_;
    request.target = joined(request.target, at, size);
    if (request.target.size() > parser.limits_->max_uri) {
      return refuse(parser, ErrorKind::uri_too_long, "the request target is longer than max_uri");
    }
    return 0;
  }

  static int on_field(llhttp_t* state, const char* at, std::size_t size) {
    H1Parser& parser = self(state);
    if (!parser.head_complete_) parser.name_ = joined(parser.name_, at, size);
    parser.in_value_ = false;
    return 0;
  }

  static int on_value(llhttp_t* state, const char* at, std::size_t size) {
    H1Parser& parser = self(state);
    if (!parser.head_complete_) {
      parser.value_ = joined(parser.value_, at, size);
      return 0;
    }
    // A value comes in two parts when the bytes at hand end inside it, or when it is folded over lines.
    if (parser.in_value_ && !(parser.value_cut_ && at == parser.fed_.data())) {
      return refuse(parser, ErrorKind::malformed, "a trailer is folded over lines");
    }
    parser.in_value_ = true;
    parser.value_cut_ = at + size == parser.fed_.data() + parser.fed_.size();
    return 0;
  }

  static int on_value_complete(llhttp_t* state) {
    H1Parser& parser = self(state);
    if (parser.head_complete_) return 0;  // a trailer: nothing acts upon it
    HeaderList& headers = parser.request_->headers;
    if (parser.name_.empty()) return refuse(parser, ErrorKind::malformed, "a header field without a name");
    if (headers.size() == parser.limits_->max_headers) {
      return refuse(parser, ErrorKind::headers_too_large, "more header fields than max_headers");
    }
    headers.add(parser.name_, without_trailing_space(parser.value_));
    parser.name_ = parser.value_ = {};
    return 0;
  }

  static int on_headers_complete(llhttp_t* state) {
    H1Parser& parser = self(state);
    Request& request = *parser.request_;
    parser.head_complete_ = true;
    request.method = method_of(state->method);
    request.method_name = llhttp_method_name(static_cast<llhttp_method>(state->method));
    request.version = state->http_minor == 0 ? HttpVersion::http10 : HttpVersion::http11;
    if (state->http_major != 1 || state->http_minor > 1) {
      return refuse(parser, ErrorKind::version_not_supported, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    if (request.method == Method::connect) {
      return refuse(parser, ErrorKind::not_implemented, "CONNECT is not implemented");
    }
    parser.framing_ = {};
    parser.framing_.keep_alive = llhttp_should_keep_alive(state) != 0;
    if (!parser.check_fields()) return HPE_USER;
    const bool may_upgrade =
        request.method == Method::get && request.version == HttpVersion::http11 && !parser.framing_.has_body();
    if (state->upgrade != 0 && may_upgrade) request.upgrade = request.headers.get(HeaderName::upgrade);
    state->upgrade = 0;  // the request is an ordinary one, until an answer says otherwise
    return parser.framing_.has_body() ? HPE_PAUSED : 0;
  }

  static int on_body(llhttp_t* state, const char* at, std::size_t size) {
    H1Parser& parser = self(state);
    if (size == 0) return 0;  // asked for the end of the message with no bytes
    parser.content_ = {at, size};
    parser.framing_bytes_ = 0;
    return HPE_PAUSED;
  }

  static int on_chunk_header(llhttp_t* state) {
    self(state).framing_bytes_ = 0;
    return 0;
  }

  static int on_message_complete(llhttp_t* state) {
    self(state).complete_ = true;
    return HPE_PAUSED;
  }

  static const llhttp_settings_t& settings() {
    static const llhttp_settings_t table = [] {
      llhttp_settings_t made;
      llhttp_settings_init(&made);
      made.on_url = on_url;
      made.on_header_field = on_field;
      made.on_header_value = on_value;
      made.on_header_value_complete = on_value_complete;
      made.on_headers_complete = on_headers_complete;
      made.on_body = on_body;
      made.on_chunk_header = on_chunk_header;
      made.on_message_complete = on_message_complete;
      return made;
    }();
    return table;
  }
};

H1Parser::H1Parser() : machine_(std::make_unique<Machine>()) {}
H1Parser::~H1Parser() = default;

void H1Parser::begin(Request& request, const HttpSettings& limits) {
  llhttp_init(&machine_->state, HTTP_REQUEST, &Callbacks::settings());
  machine_->state.data = this;
  request_ = &request;
  limits_ = &limits;
  head_ = nullptr;
  name_ = value_ = {};
  framing_bytes_ = 0;
  framing_ = {};
  head_complete_ = complete_ = failed_ = in_value_ = false;
}

H1Parser::Step H1Parser::parse_head(const char* from, std::size_t size, std::size_t& consumed) {
  if (!head_) head_ = from;
  llhttp_t& state = machine_->state;
  const int code = llhttp_execute(&state, from, size);
  consumed = code == HPE_OK ? size : static_cast<std::size_t>(llhttp_get_error_pos(&state) - from);
  const auto taken = static_cast<std::size_t>(from + consumed - head_);
  if (code != HPE_OK && code != HPE_PAUSED) return stop(code, {head_, from + size});
  if (code == HPE_PAUSED && !check_head(head_, taken)) return Step::failed;
  if (taken > limits_->max_header_size) {
    return fail_with(ErrorKind::headers_too_large, "the request head is larger than max_header_size");
  }
  if (code == HPE_OK) return Step::need_more;
  request_->head_size = static_cast<std::uint32_t>(taken);
  return Step::complete;
}

H1Parser::Step H1Parser::parse_body(const char* from, std::size_t size, std::size_t& consumed,
                                    std::string_view& content) {
  content_ = {};
  consumed = 0;
  if (failed_) return Step::failed;
  if (!complete_) {
    llhttp_t& state = machine_->state;
    if (llhttp_get_errno(&state) == HPE_PAUSED) llhttp_resume(&state);
    fed_ = {from, size};
    const int code = llhttp_execute(&state, from, size);
    consumed = code == HPE_OK ? size : static_cast<std::size_t>(llhttp_get_error_pos(&state) - from);
    if (code != HPE_OK && code != HPE_PAUSED) return stop(code, {from, size});
    if (!content_.empty() && !framing_.chunked && !complete_) {  // its end takes no byte: see whether this was it
      llhttp_resume(&state);
      llhttp_execute(&state, from + consumed, 0);
    }
    if (content_.empty() && framing_.chunked) framing_bytes_ += consumed;
    if (framing_bytes_ > kMaxChunkFraming) {
      return fail_with(ErrorKind::malformed, "a chunk's extensions or the trailers do not end");
    }
  }
  content = content_;
  return complete_ ? Step::complete : Step::need_more;
}

H1Parser::Step H1Parser::fail_with(ErrorKind kind, const char* why) {
  failed_ = true;
  error_ = {kind, Side::client, false, why};
  return Step::failed;
}

H1Parser::Step H1Parser::stop(int code, std::string_view text) {
  if (failed_) return Step::failed;  // a callback has said why
  const char* reason = llhttp_get_error_reason(&machine_->state);
  if (!reason || !*reason) reason = llhttp_errno_name(static_cast<llhttp_errno>(code));
  if (code == HPE_INVALID_METHOD) {
    if (begins_with_method(text)) return fail_with(ErrorKind::not_implemented, "unknown method");
  }
  if (code == HPE_PAUSED_H2_UPGRADE) {
    return fail_with(ErrorKind::version_not_supported, "HTTP/2 with prior knowledge is not spoken on this port");
  }
  if (code == HPE_INVALID_VERSION) return fail_with(ErrorKind::version_not_supported, reason);
  return fail_with(ErrorKind::malformed, reason);
}

// llhttp lets some of these pass where a line may end; two parsers on the way must never see two requests.
bool H1Parser::check_head(const char* from, std::size_t size) {
  if (request_->target.data()[-2] == ' ') return fail_with(ErrorKind::malformed, "two spaces after the method"), false;
  const char* const end = from + size;
  std::size_t line_ends = 0;
  for (const char* at = from;
       (at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)))); ++at) {
    if (at == from || at[-1] != '\r') return fail_with(ErrorKind::malformed, "bare LF"), false;
    if (at + 1 < end && (at[1] == ' ' || at[1] == '\t')) {
      return fail_with(ErrorKind::malformed, "a header field is folded over lines"), false;
    }
    ++line_ends;
  }
  const std::size_t returns = count_bytes({from, end}, [](unsigned char byte) { return byte == '\r'; });
  if (returns > line_ends) return fail_with(ErrorKind::malformed, "bare CR"), false;
  return true;
}

bool H1Parser::check_framing_field(const HeaderField& field) {
  if (field.id == HeaderName::content_length) {
    std::uint64_t length = 0;
    const char* const end = field.value.data() + field.value.size();
    const auto [at, status] = std::from_chars(field.value.data(), end, length);
    if (field.value.empty() || status != std::errc() || at != end || framing_.content_length) {
      return fail_with(ErrorKind::malformed, "Content-Length is not one number"), false;
    }
    framing_.content_length = length;
  } else if (field.id == HeaderName::transfer_encoding) {
    if (request_->version == HttpVersion::http10) {
      return fail_with(ErrorKind::malformed, "Transfer-Encoding in HTTP/1.0"), false;
    }
    if (framing_.chunked) return fail_with(ErrorKind::malformed, "two Transfer-Encoding fields"), false;
    const std::size_t comma = field.value.rfind(',');
    const std::size_t last = field.value.find_first_not_of(" \t,", comma == std::string_view::npos ? 0 : comma);
    if (last == std::string_view::npos || !same_name(field.value.substr(last), "chunked")) {
      return fail_with(ErrorKind::malformed, "chunked is not the final transfer coding"), false;
    }
    if (last != 0) {
      return fail_with(ErrorKind::not_implemented, "the only transfer coding understood here is chunked"), false;
    }
    framing_.chunked = true;
  } else if (field.id == HeaderName::expect && request_->version != HttpVersion::http10) {
    if (!same_name(field.value, "100-continue")) {
      return fail_with(ErrorKind::expectation_failed, "the only expectation understood here is 100-continue"), false;
    }
    framing_.expect_continue = true;
  }
  return true;
}

bool H1Parser::check_fields() {
  int hosts = 0;
  for (const HeaderField& field : request_->headers) {
    if (field.id == HeaderName::host) ++hosts;
    if (!check_framing_field(field)) return false;
  }
  if (framing_.chunked && framing_.content_length) {
    return fail_with(ErrorKind::malformed, "Content-Length together with Transfer-Encoding"), false;
  }
  if (hosts > 1) return fail_with(ErrorKind::malformed, "more than one Host field"), false;
  if (hosts == 0 && request_->version == HttpVersion::http11) {
    return fail_with(ErrorKind::malformed, "no Host field"), false;
  }
  return true;
}

}  // namespace edge
