// An answer in HTTP/1: llhttp for heads and chunks, with the checks that it leaves to its user. A head is looked at
// once it is whole, in the arena, where its fields stay.
#include "core/http/h1_response_parser.h"

#include <llhttp.h>

#include <algorithm>
#include <utility>

namespace edge {

namespace {

constexpr std::string_view kBeginning = "HTTP/";

std::string_view joined(std::string_view text, const char* at, std::size_t size) {
  return text.empty() ? std::string_view(at, size) : std::string_view(text.data(), text.size() + size);
}

}  // namespace

struct H1ResponseParser::Machine {
  llhttp_t state;
};

struct H1ResponseParser::Callbacks {
  static H1ResponseParser& self(llhttp_t* state) { return *static_cast<H1ResponseParser*>(state->data); }

  static int on_status(llhttp_t* state, const char* at, std::size_t size) {
    std::string_view& reason = self(state).head_->reason;
    reason = joined(reason, at, size);
    return 0;
  }

  static int on_field(llhttp_t* state, const char* at, std::size_t size) {
    H1ResponseParser& parser = self(state);
    if (parser.state_ == State::chunked) {
      parser.trailer_name_.append(at, size);
    } else {
      parser.name_ = joined(parser.name_, at, size);
    }
    return 0;
  }

  static int on_value(llhttp_t* state, const char* at, std::size_t size) {
    H1ResponseParser& parser = self(state);
    if (parser.state_ == State::chunked) {
      parser.trailer_value_.append(at, size);
    } else {
      parser.value_ = joined(parser.value_, at, size);
    }
    return 0;
  }

  static int on_value_complete(llhttp_t* state) {
    H1ResponseParser& parser = self(state);
    if (parser.state_ == State::chunked) return parser.add_trailer() ? 0 : HPE_USER;
    HeaderList& headers = parser.head_->headers;
    if (headers.size() == parser.limits_.fields) {
      parser.fail_with("more header fields than " + std::to_string(parser.limits_.fields));
      return HPE_USER;
    }
    headers.add(parser.name_, trimmed(parser.value_));
    parser.name_ = parser.value_ = {};
    return 0;
  }

  static int on_headers_complete(llhttp_t* state) {
    H1ResponseParser& parser = self(state);
    parser.head_->status = state->status_code;
    const bool is_http1 = state->http_major == 1 && state->http_minor <= 1;
    if (!is_http1 && !parser.any_version_) {
      parser.fail_with("another version of HTTP than 1.0 and 1.1");
      return HPE_USER;
    }
    parser.keep_alive_ = is_http1 && state->http_minor == 1 && (state->flags & F_CONNECTION_CLOSE) == 0;
    if (!(is_http1 && state->http_minor == 1) && (state->flags & F_TRANSFER_ENCODING) != 0) {
      parser.fail_with("Transfer-Encoding, which is for HTTP/1.1 alone");
      return HPE_USER;
    }
    state->upgrade = 0;  // what a 101 means is settled elsewhere
    return HPE_PAUSED;
  }

  static int on_body(llhttp_t* state, const char* at, std::size_t size) {
    if (size == 0) return 0;
    self(state).content_ = {at, size};
    return HPE_PAUSED;
  }

  static int on_message_complete(llhttp_t* state) {
    self(state).message_complete_ = true;
    return HPE_PAUSED;
  }

  static const llhttp_settings_t& settings() {
    static const llhttp_settings_t table = [] {
      llhttp_settings_t made;
      llhttp_settings_init(&made);
      made.on_status = on_status;
      made.on_header_field = on_field;
      made.on_header_value = on_value;
      made.on_header_value_complete = on_value_complete;
      made.on_headers_complete = on_headers_complete;
      made.on_body = on_body;
      made.on_message_complete = on_message_complete;
      return made;
    }();
    return table;
  }
};

H1ResponseParser::H1ResponseParser(HeadLimits limits, bool any_version)
    : machine_(std::make_unique<Machine>()), limits_(limits), any_version_(any_version) {}
H1ResponseParser::~H1ResponseParser() = default;

void H1ResponseParser::begin(Arena& arena, const H1Asked& asked) {
  arena_ = &arena;
  asked_ = asked;
  state_ = State::head;
  begun_ = keep_alive_ = message_complete_ = false;
  partial_.clear();
  interim_ = 0;
  head_.emplace(arena);
  trailers_.reset();
}

ReadStep H1ResponseParser::read(const char* from, std::size_t size, std::size_t& consumed, std::string_view& content) {
  consumed = 0;
  content = {};
  const std::string_view text(from, size);
  begun_ = begun_ || size > 0;
  switch (state_) {
    case State::head:
      return size == 0 ? ReadStep::need_more : read_head(text, consumed);
    case State::sized:
      consumed = std::min<std::uint64_t>(size, left_);
      content = text.substr(0, consumed);
      left_ -= consumed;
      if (left_ == 0) state_ = State::complete;
      return consumed > 0 ? ReadStep::content : ReadStep::need_more;
    case State::chunked:
      return read_chunked(text, consumed, content);
    case State::until_end:
      consumed = size;
      content = text;
      return size > 0 ? ReadStep::content : ReadStep::need_more;
    case State::complete:
      if (size > 0) keep_alive_ = false;
      return ReadStep::complete;
    case State::failed:
      break;
  }
  return ReadStep::failed;
}

ReadStep H1ResponseParser::ended() {
  switch (state_) {
    case State::head:
      error_ = {ErrorKind::bad_gateway, Side::upstream, false,
                begun_ ? "the server closed the connection before the head of its answer was whole"
                       : "the server closed the connection without an answer"};
      break;
    case State::sized:
      error_ = {ErrorKind::bad_gateway, Side::upstream, false,
                "the server closed the connection " + std::to_string(left_) + " bytes before the end of its answer"};
      break;
    case State::chunked:
      error_ = {ErrorKind::bad_gateway, Side::upstream, false,
                "the server closed the connection before the last chunk of its answer"};
      break;
    case State::until_end:
    case State::complete:
      state_ = State::complete;
      keep_alive_ = false;
      return ReadStep::complete;
    case State::failed:
      break;
  }
  state_ = State::failed;
  return ReadStep::failed;
}

ReadStep H1ResponseParser::fail_with(std::string why) {
  state_ = State::failed;
  error_ = {ErrorKind::bad_gateway, Side::upstream, false, "the server answered with " + std::move(why)};
  return ReadStep::failed;
}

ReadStep H1ResponseParser::stop(int code) {
  if (state_ == State::failed) return ReadStep::failed;  // a callback has said why
  const char* reason = llhttp_get_error_reason(&machine_->state);
  if (!reason || !*reason) reason = llhttp_errno_name(static_cast<llhttp_errno>(code));
  return fail_with(std::string("what is not HTTP/1: ") + reason);
}

/// Sets `end` behind the empty line that ends a head; 0 when that is not there. What stands before `from` was searched.
ReadStep H1ResponseParser::find_head_end(std::string_view text, std::size_t from, std::size_t& end) {
  end = 0;
  const std::string_view beginning = text.substr(0, kBeginning.size());
  if (!kBeginning.starts_with(beginning)) {
    return fail_with("what is not HTTP: is the port right, and does it want https?");
  }
  for (std::size_t at = text.find('\n', from); at != text.npos; at = text.find('\n', at + 1)) {
    if (text[at - 1] != '\r') return fail_with("a bare LF");
    if (text[at - 2] != '\n') continue;
    end = at + 1;
    break;
  }
  if (end > limits_.bytes || (end == 0 && text.size() > limits_.bytes)) {
    return fail_with("a head larger than " + std::to_string(limits_.bytes) + " bytes");
  }
  return ReadStep::need_more;
}

ReadStep H1ResponseParser::read_head(std::string_view text, std::size_t& consumed) {
  std::size_t end = 0;
  if (partial_.empty()) {
    if (find_head_end(text, 0, end) == ReadStep::failed) return ReadStep::failed;
    consumed = end == 0 ? text.size() : end;
    if (end > 0) return parse_head(arena_->copy(text.substr(0, end)));
    partial_ = text;
    return ReadStep::need_more;
  }
  const std::size_t before = partial_.size();
  partial_ += text.substr(0, limits_.bytes + 1 - before);
  if (find_head_end(partial_, before, end) == ReadStep::failed) return ReadStep::failed;
  consumed = end == 0 ? text.size() : end - before;
  if (end == 0) return ReadStep::need_more;
  const std::string_view whole = arena_->copy(std::string_view(partial_).substr(0, end));
  partial_ = std::string();  // rare enough to give the memory back
  return parse_head(whole);
}

ReadStep H1ResponseParser::parse_head(std::string_view text) {
  llhttp_t& state = machine_->state;
  llhttp_init(&state, HTTP_RESPONSE, &Callbacks::settings());
  state.data = this;
  head_.emplace(*arena_);
  name_ = value_ = {};
  if (!check_status_line(text) || !check_lines(text)) return ReadStep::failed;
  const int code = llhttp_execute(&state, text.data(), text.size());
  if (code != HPE_PAUSED) return stop(code);
  if (llhttp_get_error_pos(&state) != text.data() + text.size()) return fail_with("a head that ends in two places");
  if (!check_fields()) return ReadStep::failed;
  return settle_framing();
}

ReadStep H1ResponseParser::read_chunked(std::string_view text, std::size_t& consumed, std::string_view& content) {
  llhttp_t& state = machine_->state;
  if (llhttp_get_errno(&state) == HPE_PAUSED) llhttp_resume(&state);
  content_ = {};
  const int code = llhttp_execute(&state, text.data(), text.size());
  if (code != HPE_OK && code != HPE_PAUSED) return stop(code);
  consumed = code == HPE_OK ? text.size() : static_cast<std::size_t>(llhttp_get_error_pos(&state) - text.data());
  if (!check_chunk_framing(text.substr(0, consumed - content_.size()))) return ReadStep::failed;
  if (!content_.empty()) {
    framing_bytes_ = 0;
    last_framing_byte_ = 0;
    content = content_;
    return ReadStep::content;
  }
  if (!message_complete_) return ReadStep::need_more;
  state_ = State::complete;
  if (consumed < text.size()) keep_alive_ = false;
  return ReadStep::complete;
}

}  // namespace edge
