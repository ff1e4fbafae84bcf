// The life of one stream, and the content of its request.
#include "core/http/h2_stream.h"

#include <nghttp2/nghttp2.h>

#include <cstring>

#include "core/http/door.h"
#include "core/http/h2_connection.h"
#include "core/http/pump.h"

namespace edge {

H2Connection& H2Stream::connection() const {
  return static_cast<H2Connection&>(*connection_);
}

void H2Stream::begin(H2Connection& connection, std::int32_t id) {
  connection_ = &connection;
  id_ = id;
  renew_request();
  head.begin(*request, router().first().http);
  handed_out_ = head_bytes_ = 0;
  body_received_ = 0;
  refusal_.reset();
  unsent_ = {};
  file_ = {};
  content_left_.reset();
  trailers_ = nullptr;
  head_arrived_ = begun_ = served_ = closed_ = forgotten_ = told_gone_ = body_was_empty_ = body_ended_ =
      continue_sent_ = offered_ = deferred_ = finished_ = complete_ = false;
}

void H2Stream::rest() {
  disarm();
  request.reset();
  arena_.reset();
  body_.reset();
  outgrown_.reset();
  rest_router();
  connection_ = nullptr;
}

// ---- what nghttp2 tells ----------------------------------------------------------------------------------------

void H2Stream::head_arrived() {
  head_arrived_ = true;
  if (const Result<void> accepted = head.complete(); !accepted) refusal_ = accepted.error();
  connection().due(*this);
}

bool H2Stream::content_arrived(std::string_view content) {
  if (served_) {
    nghttp2_session_consume(connection().session(), id_, content.size());
    return true;
  }
  if (!body_) body_ = connection_->door().heads().acquire();
  if (body_.room() < content.size()) {
    Buffer larger = connection_->door().bodies().acquire();
    if (larger.capacity() < body_.size() + content.size()) return false;
    std::memcpy(larger.data(), body_.first(), body_.size());
    larger.end = body_.size();
    outgrown_ = std::move(body_);
    body_ = std::move(larger);
  }
  std::memcpy(body_.free(), content.data(), content.size());
  body_.end += content.size();
  connection().due(*this);
  return true;
}

void H2Stream::body_ended() {
  body_ended_ = true;
  if (!head_arrived_) body_was_empty_ = true;
  connection().due(*this);
}

void H2Stream::closed() {
  closed_ = true;
  withdraw();
  connection().due(*this);
}

void H2Stream::forgotten() {
  forgotten_ = true;
  closed();
}

// ---- serving ---------------------------------------------------------------------------------------------------

void H2Stream::proceed() {
  if (closed_ && !complete_) {
    if (!std::exchange(told_gone_, true) && serving) client_left();
    return;
  }
  if (head_arrived_ && !begun_) return begin_serving();
  if (waits(For::room) && !has_unsent()) wake(For::room, {});
  if (waits(For::input) && (body_.size() > handed_out_ || body_ended_)) wake(For::input, {});
}

void H2Stream::client_left() {
  const bool awaited = waits(For::input) || waits(For::room);
  if (!awaited || tunnelled_) request->cancellation.request();
  if (waits(For::input)) wake(For::input, std::unexpected(client_gone()));
  if (waits(For::room)) wake(For::room, std::unexpected(client_gone()));
}

void H2Stream::begin_serving() {
  begun_ = true;
  serving = refusal_ ? refuse(*request, router(), *this, std::move(*refusal_)) : serve(*request, router(), *this);
  if (serving.done()) return served();
  serving.on_done({[](void* self) { static_cast<H2Stream*>(self)->served(); }, this});
}

void H2Stream::served() {
  serving = {};
  served_ = true;
  if (!closed_) {
    if (!finished_ && !aborted_) reset(NGHTTP2_INTERNAL_ERROR);
    discard_body();
    loop_.arm(*this, settings().send_timeout);  // for the end of the answer, which may have to wait for a window
  }
  connection().due(*this);
}

void H2Stream::wake(For what, Result<void> with) {
  if (what == For::room || !waits(For::room)) disarm();
  resume(what, std::move(with));
}

void H2Stream::stop() {
  body_ended_ = true;
  if (waits(For::input)) wake(For::input, {});
}

void H2Stream::reset(std::uint32_t code) {
  if (closed_) return;
  nghttp2_submit_rst_stream(connection().session(), NGHTTP2_FLAG_NONE, id_, code);
  connection().wants_turn();
}

/// The client reads other streams, which go first, and has granted this one its place.
bool H2Stream::waits_for_its_turn() const {
  return connection().moved_within(settings().send_timeout) &&
         nghttp2_session_get_stream_remote_window_size(connection().session(), id_) > 0;
}

void H2Stream::on_deadline() {
  connection().wants_turn();
  if (waits(For::input) && !waits(For::room)) {
    return wake(For::input,
                fail(ErrorKind::timed_out, Side::client, "the request body did not arrive within body_timeout"));
  }
  if (waits_for_its_turn()) return loop_.arm(*this, settings().send_timeout);
  if (!waits(For::room)) return reset(NGHTTP2_CANCEL);
  connection().stalled();
  wake(For::room, fail(ErrorKind::timed_out, Side::client, "the client did not read within send_timeout"));
}

// ---- the body --------------------------------------------------------------------------------------------------

std::optional<std::uint64_t> H2Stream::length() const {
  if (empty()) return 0;
  return head.content_length();
}

/// What the handler was given before can go, and the client may send as much again.
void H2Stream::consume_handed_out() {
  outgrown_.reset();
  if (handed_out_ == 0) return;
  nghttp2_session_consume(connection().session(), id_, handed_out_);
  connection().wants_turn();
  body_.begin += std::exchange(handed_out_, 0);
  if (const std::size_t rest = body_.size(); rest > 0) std::memmove(body_.data(), body_.first(), rest);
  body_.end = body_.size();
  body_.begin = 0;
}

void H2Stream::discard_body() {
  handed_out_ = body_.size();
  consume_handed_out();
  body_.reset();
}

Result<std::string_view> H2Stream::next_content() {
  const std::string_view content(body_.first(), body_.size());
  handed_out_ = content.size();
  body_received_ += content.size();
  if (request->route && !tunnelled_ && body_received_ > request->route->http.client_max_body_size) {
    return fail(ErrorKind::too_large, Side::client, "the request body is larger than client_max_body_size");
  }
  return content;
}

void H2Stream::send_continue() {
  if (!head.expects_continue() || std::exchange(continue_sent_, true)) return;
  send_interim(100, HeaderList(arena_));
}

Task<Result<std::string_view>> H2Stream::read() {
  if (waits_for_tunnel()) co_return std::string_view();
  consume_handed_out();
  if (tunnelled_ && body_.size() == 0) body_.reset();
  while (true) {
    if (body_.size() > 0) co_return next_content();
    if (body_ended_) co_return std::string_view();
    if (closed_) co_return std::unexpected(client_gone());
    send_continue();
    if (!tunnelled_) loop_.arm(*this, settings().body_timeout);
    const Result<void> arrived = co_await Wait(*this, For::input);
    if (!arrived) co_return std::unexpected(arrived.error());
  }
}

}  // namespace edge
