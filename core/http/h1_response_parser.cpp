// An answer in HTTP/1: its heads are read here and in h1_response_rules.cpp, its chunks by llhttp. A head is looked at
// once it is whole, in the arena, where its fields stay.
#include "core/http/h1_response_parser.h"

#include <llhttp.h>

#include <algorithm>
#include <cstring>

namespace edge {

namespace {

constexpr std::string_view kBeginning = "HTTP/";
constexpr std::size_t kLineEnd = 2;  // bytes

}  // namespace

struct H1ResponseParser::Machine {
  llhttp_t state;
};

struct H1ResponseParser::Callbacks {
  static H1ResponseParser& self(llhttp_t* state) { return *static_cast<H1ResponseParser*>(state->data); }

  static int on_field(llhttp_t* state, const char* at, std::size_t size) {
    self(state).trailer_name_.append(at, size);
    return 0;
  }

  static int on_value(llhttp_t* state, const char* at, std::size_t size) {
    self(state).trailer_value_.append(at, size);
    return 0;
  }

  static int on_value_complete(llhttp_t* state) { return self(state).add_trailer() ? 0 : HPE_USER; }

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
      made.on_header_field = on_field;
      made.on_header_value = on_value;
      made.on_header_value_complete = on_value_complete;
      made.on_body = on_body;
      made.on_message_complete = on_message_complete;
      return made;
    }();
    return table;
  }

  /// llhttp behind the head of a chunked answer.
  static const llhttp_t& behind_head() {
    static const llhttp_t machine = [] {
      static llhttp_settings_t pausing;
      llhttp_settings_init(&pausing);
      pausing.on_headers_complete = [](llhttp_t*) -> int { return HPE_PAUSED; };
      llhttp_t made;
      llhttp_init(&made, HTTP_RESPONSE, &pausing);
      constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
      llhttp_execute(&made, kHead.data(), kHead.size());
      made.settings = const_cast<llhttp_settings_t*>(&settings());
      return made;
    }();
    return machine;
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
      error_ = {ErrorKind::bad_gateway, Side::upstream, true,
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

ReadStep H1ResponseParser::fail_with(std::string_view why) {
  state_ = State::failed;
  error_ = {ErrorKind::bad_gateway, Side::upstream, false, std::string("the server answered with ").append(why)};
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
  constexpr std::size_t kOtherLines = 2;  // the status line and the empty one
  const char* const begin = text.data();
  const char* const behind = begin + text.size();
  for (const char* at = begin + from; end == 0; ++at) {
    at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(behind - at)));
    if (!at) break;
    if (at[-1] != '\r') return fail_with("a bare LF");
    const bool is_last = at[-2] == '\n';
    if (!is_last && line_ends_.size() + 1 == limits_.fields + kOtherLines) {
      return fail_with("more header fields than " + std::to_string(limits_.fields));
    }
    const auto line_end = static_cast<std::uint32_t>(at + 1 - begin);
    line_ends_.push_back(line_end);
    if (is_last) end = line_end;
  }
  if (end > limits_.bytes || (end == 0 && text.size() > limits_.bytes)) {
    return fail_with("a head larger than " + std::to_string(limits_.bytes) + " bytes");
  }
  return ReadStep::need_more;
}

ReadStep H1ResponseParser::read_head(std::string_view text, std::size_t& consumed) {
  std::size_t end = 0;
  if (partial_.empty()) {
    line_ends_.clear();
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
  head_.emplace(*arena_);
  has_codings_ = false;
  if (!check_controls(text)) return ReadStep::failed;
  std::size_t begin = 0;
  for (const std::uint32_t end : line_ends_) {
    const std::string_view line = text.substr(begin, end - begin - kLineEnd);
    if (begin == 0 ? !read_status_line(line) : !line.empty() && !add_field(line)) return ReadStep::failed;
    begin = end;
  }
  if (!check_fields()) return ReadStep::failed;
  head_->closes = !keep_alive_;
  return settle_framing();
}

void H1ResponseParser::begin_chunks() {
  state_ = State::chunked;
  machine_->state = Callbacks::behind_head();
  machine_->state.data = this;
  framing_bytes_ = 0;
  last_framing_byte_ = '\n';
  trailer_name_.clear();
  trailer_value_.clear();
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
