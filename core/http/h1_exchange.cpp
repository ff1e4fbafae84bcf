// The life of one request on an HTTP/1 connection: its head, its body.
#include "core/http/h1_exchange.h"

#include "core/http/accept_target.h"
#include "core/http/door.h"

namespace edge {

namespace {
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
}  // namespace

void H1Exchange::begin_request() {
  head_.reset();
  renew_request();
  body_received_ = 0;
  body_complete_ = true;
  keep_alive_ = chunked_ = continue_sent_ = ends_with_connection_ = input_ended_ = false;
}

void H1Exchange::rest() {
  request.reset();
  arena_.reset();
  head_.reset();
  input.reset();
  rest_router();
  connection_ = nullptr;
}

Result<void> H1Exchange::accept_head() {
  keep_alive_ = parser.framing().keep_alive;
  body_complete_ = !parser.framing().has_body();
  return accept_target(*request);
}

std::optional<std::uint64_t> H1Exchange::length() const {
  const H1Framing& framing = parser.framing();
  if (framing.chunked) return std::nullopt;
  return framing.content_length.value_or(0);
}

Result<std::string_view> H1Exchange::next_content() {
  std::size_t consumed = 0;
  std::string_view content;
  const H1Parser::Step step = parser.parse_body(input.first(), input.size(), consumed, content);
  input.begin += consumed;
  if (step == H1Parser::Step::failed) return std::unexpected(parser.error());
  if (step == H1Parser::Step::complete) body_complete_ = true;
  body_received_ += content.size();
  if (request->route && body_received_ > request->route->http.client_max_body_size) {
    return fail(ErrorKind::too_large, Side::client, "the request body is larger than client_max_body_size");
  }
  return content;
}

void H1Exchange::make_room_for_body() {
  if (!head_) {
    head_ = std::move(input);
    input = connection_->door().bodies().acquire();
  }
  input.begin = input.end = 0;
}

/// Nothing is held while nothing comes, but for the head, which the log still asks for.
Task<Result<std::string_view>> H1Exchange::read_tunnel() {
  while (input.size() == 0) {
    if (input_ended_) co_return std::string_view();
    if (connection_->gone()) co_return std::unexpected(client_gone());
    if (!head_) head_ = std::move(input);
    input.reset();
    expect_input();
    const Result<void> arrived = co_await Wait(*this, For::input);
    if (!arrived) co_return std::unexpected(arrived.error());
  }
  const std::string_view bytes(input.first(), input.size());
  input.begin = input.end;
  co_return bytes;
}

void H1Exchange::stop() {
  input_ended_ = true;
  wake_reader({});
}

Task<Result<std::string_view>> H1Exchange::read() {
  if (tunnelled_) {
    const Result<std::string_view> bytes = co_await read_tunnel();
    co_return bytes;
  }
  while (true) {
    if (input.size() > 0 && !body_complete_) {
      Result<std::string_view> content = next_content();
      if (!content || !content->empty()) co_return content;
    }
    if (body_complete_ || input_ended_) co_return std::string_view();
    if (parser.failed()) co_return std::unexpected(parser.error());
    if (input.size() > 0) continue;
    if (parser.framing().expect_continue && !continue_sent_) {
      continue_sent_ = true;
      connection_->queue(kContinue);
      connection_->flush_output();
    }
    if (connection_->gone()) co_return std::unexpected(client_gone());
    make_room_for_body();
    expect_input();
    const Result<void> arrived = co_await Wait(*this, For::input);
    if (!arrived) co_return std::unexpected(arrived.error());
  }
}

void H1Exchange::discard_buffered_body() {
  while (!body_complete_ && input.size() > 0) {
    const std::size_t before = input.size();
    const Result<std::string_view> content = next_content();
    if (!content || (content->empty() && input.size() == before)) return;
  }
}

}  // namespace edge
