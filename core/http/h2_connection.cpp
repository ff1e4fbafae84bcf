// One HTTP/2 connection: bytes in, the turn's work, bytes out, and the end.
#include "core/http/h2_connection.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/http/door.h"
#include "core/http/h2_session.h"
#include "core/http/h2_stream.h"
#include "core/log.h"
#include "core/log_pace.h"

namespace edge {

namespace {
constexpr std::size_t kMostPerTurn = 256 * 1024;  // bytes out; then other connections have theirs
constexpr Milliseconds kSoon{1'000};              // a request that comes later finds the session put by
constexpr Milliseconds kShortly{50};              // when many rest at once
constexpr std::size_t kSpare = 256;               // bytes of a frame that was begun when there was no room
constexpr std::size_t kWholeFrame = h2_session::kFrameHead + h2_session::kMostInFrame;

/// To put a session by takes 14 µs: of many that came to rest together some wait for a later turn of their loop.
bool may_put_by(const Loop& loop) {
  constexpr int kMost = 128;
  constinit thread_local std::uint64_t turn = 0;
  constinit thread_local int count = 0;
  if (std::exchange(turn, loop.turn()) != loop.turn()) count = 0;
  return ++count <= kMost;
}

}  // namespace

H2Connection::H2Connection(Door& door, Entrance& entrance, const ConnectionInfo& info)
    : ClientConnection(door, entrance, info) {}

H2Connection::~H2Connection() {
  nghttp2_session_del(session());
}

bool H2Connection::begin(int fd) {
  if (watch(door_.loop(), fd) != 0) return false;
  session_ = h2_session::make(*this, settings(), memory_);
  set_idle(true);
  wants_turn();
  return true;
}

void H2Connection::wants_turn() {
  if (in_turn_) {
    again_ = true;
  } else {
    door_.loop().at_turn_end(*this);
  }
}

// ---- bytes in --------------------------------------------------------------------------------------------------

/// The requests that came are served before those of the next connection are read: they, and what serves them, are
/// still in the processor's cache.
void H2Connection::on_readable() {
  if (state_ == State::lingering) return discard_input();
  in_turn_ = true;
  take_in();
  on_turn_end();
}

void H2Connection::take_in() {
  Buffer input = door_.bodies().acquire();
  const std::ptrdiff_t got = receive(input.data(), input.capacity());
  if (got == -1) return;
  if (got <= 0) return tear();
  wants_turn();
  if (state_ != State::open) return;
  noticed_ = 0;
  const ssize_t fed = nghttp2_session_mem_recv(session(), reinterpret_cast<const std::uint8_t*>(input.data()),
                                               static_cast<std::size_t>(got));
  const std::size_t frames = heads_.count({input.data(), static_cast<std::size_t>(got)});
  if (fed >= 0 && overlooks(frames)) return want_read(true);  // more may lie in the TLS stream
  if (fed == NGHTTP2_ERR_FLOODED) flood_ = "SETTINGS or PING";
  if (flood_) return end_with(NGHTTP2_ENHANCE_YOUR_CALM, flood_);
  end_with(NGHTTP2_PROTOCOL_ERROR, nghttp2_strerror(static_cast<int>(fed)));
}

bool H2Connection::stream_begins(std::int32_t id) {
  arriving_ = nullptr;
  if (streams_ >= h2_session::kMostStreams) {  // some were reset, but their handlers still run
    nghttp2_submit_rst_stream(session(), NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return guard_.lets_pass(H2Guard::Kind::refused, loop().now()) || flood(name_of(H2Guard::Kind::refused));
  }
  set_idle(false);
  H2Stream* const stream = door_.take_stream().release();
  stream->begin(*this, id);
  arriving_ = stream;
  nghttp2_session_set_stream_user_data(session(), id, stream);
  stream->next_ = first_;
  stream->previous_ = nullptr;
  if (first_) first_->previous_ = stream;
  first_ = stream;
  ++streams_;
  if (awaits_ == Awaits::request || awaits_ == Awaits::request_soon) {  // it has come, also if it is answered at once
    awaits_ = Awaits::nothing;
    if (!has_pending()) disarm();
  }
  if (info_.requests >= stream->router().first().http.keepalive_requests) drain();
  return true;
}

// ---- the turn --------------------------------------------------------------------------------------------------

void H2Connection::due(H2Stream& stream) {
  if (std::exchange(stream.is_due_, true)) return;
  stream.next_due_ = nullptr;
  (first_due_ ? last_due_->next_due_ : first_due_) = &stream;
  last_due_ = &stream;
  wants_turn();
}

void H2Connection::run_due() {
  while (H2Stream* const stream = first_due_) {
    first_due_ = stream->next_due_;
    stream->is_due_ = false;
    stream->proceed();
    if (!stream->is_due_ && stream->is_over()) release(*stream);
  }
}

void H2Connection::release(H2Stream& stream) {
  (stream.previous_ ? stream.previous_->next_ : first_) = stream.next_;
  if (stream.next_) stream.next_->previous_ = stream.previous_;
  --streams_;
  if (arriving_ == &stream) arriving_ = nullptr;
  if (!stream.forgotten_) nghttp2_session_set_stream_user_data(session(), stream.id(), nullptr);
  if (const std::size_t unread = stream.body_.size(); unread > 0) nghttp2_session_consume_connection(session(), unread);
  door_.keep_stream(std::unique_ptr<H2Stream>(&stream));
}

/// Once in a turn, however often this one is listed for its end.
void H2Connection::renew_budget() {
  if (std::exchange(budget_of_, door_.loop().turn()) != door_.loop().turn()) budget_ = kMostPerTurn;
  blocked_ = budget_ < kWholeFrame;
}

void H2Connection::on_turn_end() {
  renew_budget();
  in_turn_ = true;
  do {
    again_ = false;
    run_due();
    serialise();
    if (flood_ && state_ == State::open && !gone()) end_with(NGHTTP2_ENHANCE_YOUR_CALM, flood_);
  } while (again_);
  in_turn_ = false;
  if (!gone() && flush_output()) settle();
  if (gone() && first_due_) return wants_turn();
  if (socket_closed_ && streams_ == 0) door_.closed(*this);
}

void H2Connection::settle() {
  set_idle(is_idle());
  if (state_ == State::lingering) return;
  if (has_pending()) {
    awaits_ = Awaits::nothing;  // its deadline has the place
    return;
  }
  if (blocked_) want_write(true);
  if (nghttp2_session_want_read(session()) == 0 && nghttp2_session_want_write(session()) == 0) {
    state_ = State::lingering;
    cancel_streams();
    return linger();
  }
  set_deadline();
}

H2Connection::Awaits H2Connection::awaited() const {
  if (draining_ && !takes_no_more_) return Awaits::drain_answer;
  if (!greeted_) return Awaits::preface;
  if (in_head_) return Awaits::head;
  if (streams_ > 0) return Awaits::nothing;
  return awaits_ == Awaits::request || !rests() ? Awaits::request : Awaits::request_soon;
}

bool H2Connection::rests() const {
  return settings().keepalive_timeout > kSoon;
}

bool H2Connection::is_idle() const {
  return state_ == State::open && streams_ == 0 && !in_head_ && !draining_ && !has_pending() && !gone();
}

void H2Connection::set_deadline() {
  const Awaits now = awaited();
  if (now == awaits_ && (armed() || now == Awaits::nothing)) {
    if (now == Awaits::request && rests()) memory_.put_by();  // it was woken by what is no request
    return;
  }
  awaits_ = now;
  switch (now) {
    case Awaits::nothing:
      return disarm();
    case Awaits::preface:
    case Awaits::head:
      return loop().arm(*this, settings().header_timeout);
    case Awaits::request_soon:
      return loop().arm(*this, kSoon);
    case Awaits::request:
      return loop().arm(*this, settings().keepalive_timeout);
    case Awaits::drain_answer:
      return loop().arm(*this, kFirstRequest);
  }
}

// ---- bytes out -------------------------------------------------------------------------------------------------

void H2Connection::serialise() {
  if (gone() || state_ == State::lingering || blocked_) return;
  queue({});  // so that the output is ours
  while (!gone() && !has_pending() && !blocked_) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session(), &bytes);
    if (size < 0) return tear();
    if (size == 0) return;
    queue({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
    budget_ -= std::min(budget_, static_cast<std::size_t>(size));
  }
}

std::size_t H2Connection::stage_frame() {
  if (budget_ < kWholeFrame) {
    blocked_ = true;
  } else if (queue_room() < kWholeFrame) {
    flush_output();
    blocked_ = queue_room() < kWholeFrame;
  }
  staged_ = !blocked_;
  if (staged_) return h2_session::kMostInFrame;
  if (!spare_) spare_ = std::make_unique_for_overwrite<char[]>(kSpare);
  return kSpare;
}

char* H2Connection::staged() {
  return staged_ ? queue_reserve() + h2_session::kFrameHead : spare_.get();
}

bool H2Connection::send_staged(std::string_view frame_head, std::size_t size) {
  const std::size_t whole = frame_head.size() + size;
  if (blocked_ || queue_room() < whole) return blocked_ = true, false;
  char* const to = queue_reserve();
  std::memcpy(to, frame_head.data(), frame_head.size());
  if (!staged_) std::memcpy(to + frame_head.size(), spare_.get(), size);
  queue_commit(whole);
  budget_ -= std::min(budget_, whole);
  guard_.sent_data();
  moved_at_ = loop().now();
  return true;
}

bool H2Connection::takes_now(const H2Stream& stream, std::size_t content, std::size_t head) {
  constexpr std::size_t kSlack = 64;  // what a head that does not compress is longer in HPACK, and frame heads
  const std::size_t frames = content / h2_session::kMostInFrame + 2;
  const auto window = static_cast<std::ptrdiff_t>(content);
  return offered_ == 0 && !blocked_ && !has_pending() && state_ == State::open &&
         nghttp2_session_get_outbound_queue_size(session()) <= 1 &&
         std::min(queue_room(), budget_) >= content + head + frames * h2_session::kFrameHead + kSlack + kWholeFrame &&
         nghttp2_session_get_remote_window_size(session()) >= window &&
         nghttp2_session_get_stream_remote_window_size(session(), stream.id()) >= window;
}

void H2Connection::on_writable() {
  if (has_pending()) {
    send_pending();
    if (gone() || has_pending()) return;
    disarm();
  }
  want_write(false);
  wants_turn();
}

// ---- ending ----------------------------------------------------------------------------------------------------

void H2Connection::end_with(std::uint32_t code, std::string_view why) {
  std::array<char, 46> address;
  const std::string_view client = info_.remote.ip_text(address.data());
  if (code != NGHTTP2_ENHANCE_YOUR_CALM) {
    log::debug("HTTP/2 connection {} from {} is closed: {}", info_.number, client, why);
  } else {
    thread_local LogPace floods;
    thread_local LogPace stalls;
    if ((flood_ ? floods : stalls).lets_pass(loop().now())) {
      log::warn("HTTP/2 connection {} from {} is closed: {}{}", info_.number, client, flood_ ? "too many " : "", why);
    }
  }
  state_ = State::ending;
  nghttp2_session_terminate_session(session(), code);
  cancel_streams();
  wants_turn();
}

bool H2Connection::moved_within(Milliseconds time) const {
  return moved_at_ > 0 && loop().now() - moved_at_ < static_cast<std::uint64_t>(time.count());
}

void H2Connection::stalled() {
  if (nghttp2_session_get_remote_window_size(session()) > 0 || state_ != State::open) return;
  end_with(NGHTTP2_ENHANCE_YOUR_CALM, "no WINDOW_UPDATE within send_timeout");
}

void H2Connection::on_deadline() {
  if (state_ != State::open || has_pending()) return tear();
  if (awaits_ == Awaits::request_soon && rests()) {
    if (!may_put_by(loop())) return loop().arm(*this, kShortly);
    awaits_ = Awaits::request;
    memory_.put_by();
    return loop().arm(*this, settings().keepalive_timeout - kSoon);
  }
  wants_turn();
  switch (std::exchange(awaits_, Awaits::nothing)) {
    case Awaits::nothing:
      return;
    case Awaits::preface:
      return end_with(NGHTTP2_NO_ERROR, "no connection preface within header_timeout");
    case Awaits::head:
      return end_with(NGHTTP2_NO_ERROR, "the request head did not arrive within header_timeout");
    case Awaits::request_soon:
    case Awaits::request:
    case Awaits::drain_answer:
      return drain_answered();
  }
}

void H2Connection::drain() {
  if (entrance_.closing()) end_tunnels();
  if (gone() || state_ != State::open || std::exchange(draining_, true)) return;
  h2_session::announce_end(session());
  wants_turn();
}

bool H2Connection::give_way() {
  const std::uint64_t requests = info_.requests;
  if (is_idle()) on_readable();  // a request may have arrived that no turn has seen
  if (is_idle() && info_.requests == requests) {
    nghttp2_session_terminate_session(session(), NGHTTP2_NO_ERROR);
    serialise();
    flush_output();
    tear();
  }
  return gone();
}

void H2Connection::end_tunnels() {
  for (H2Stream* at = first_; at; at = at->next_) {
    if (at->tunnelled() && at->serving) at->request->cancellation.request();
  }
}

void H2Connection::end_banned_tunnels() {
  for (H2Stream* at = first_; at; at = at->next_) {
    if (at->serving) at->end_banned_tunnel();
  }
}

void H2Connection::drain_answered() {
  draining_ = true;
  if (std::exchange(takes_no_more_, true)) return;
  h2_session::take_no_more(session());
  wants_turn();
}

void H2Connection::cancel_streams() {
  for (H2Stream* at = first_; at; at = at->next_) at->closed();
}

void H2Connection::tear() {
  if (gone()) return;
  shut();
  cancel_streams();
  wants_turn();
}

void H2Connection::on_closed() {
  socket_closed_ = true;
  wants_turn();
}

}  // namespace edge
