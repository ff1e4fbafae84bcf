// One HTTP/1 connection: idle -> reading a head -> serving -> idle, or closing.
#include "core/http/h1_connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "core/http/door.h"
#include "core/http/pump.h"

namespace edge {

namespace {
constexpr Milliseconds kSilence{1'000};  // of an app, until a client that has ended its sending counts as gone
}  // namespace

bool H1Connection::begin(int fd) {
  if (watch(door_.loop(), fd) != 0) return false;
  loop().arm(*this, settings().keepalive_timeout);
  set_idle(true);
  return true;
}

// ---- reading ---------------------------------------------------------------------------------------------------

void H1Connection::on_readable() {
  if (state_ == State::lingering) return discard_input();
  if (!exchange_) {
    exchange_ = door_.take_exchange();
    exchange_->attach(*this);
  }
  Buffer& input = exchange_->input;
  if (!input) input = door_.heads().acquire();
  if (input.room() == 0) return want_read(false);  // read on when there is room
  const std::ptrdiff_t got = receive(input.free(), input.room());
  if (got == 0) return received_end();
  if (got < 0) {
    if (got == kBroken) return tear();
    if (state_ == State::idle && input.size() == 0) release_exchange();
    return;
  }
  input.end += static_cast<std::size_t>(got);
  set_idle(false);
  if (state_ == State::serving) {
    if (exchange_->waits_to_read()) exchange_->wake_reader({});
  } else if (state_ != State::closing) {
    process();
  }
}

bool H1Connection::at_rest() const {
  return !gone() && state_ == State::idle && !exchange_ && !has_pending();
}

/// On TCP who has gone looks like who has only ended its sending and waits for its answer (RFC 9112 9.6). The next
/// bytes that are sent will tell; only an app is not kept at work for somebody who may have gone.
void H1Connection::received_end() {
  if (exchange_ && exchange_->tunnelled()) {
    input_ended_ = true;
    want_read(false);
    return exchange_->stop();
  }
  if (!answers_on()) return tear();
  input_ended_ = true;
  want_read(false);
  watch_for_silence();
}

bool H1Connection::answers_on() const {
  if (state_ == State::serving && exchange_->waits_to_read()) return false;  // for a body that will not be complete
  if (has_pending()) return true;
  return state_ == State::serving && (exchange_->waits_to_write() || !exchange_->request->cancellation.awaited());
}

/// A handler is at work, and nobody waits for the client.
bool H1Connection::computes() const {
  return !gone() && state_ == State::serving && !exchange_->tunnelled() && !exchange_->waits_to_read() &&
         !exchange_->waits_to_write();
}

/// Since watch_for_silence(): the answer has grown, or it is no app that works on it.
bool H1Connection::goes_on() const {
  return !exchange_->request->cancellation.awaited() || exchange_->bytes_written() > exchange_->written_before;
}

void H1Connection::watch_for_silence() {
  if (!input_ended_ || !computes() || has_pending() || armed()) return;
  exchange_->written_before = exchange_->bytes_written();
  loop().arm(*this, kSilence);
}

void H1Connection::process() {
  while (!gone() && exchange_ && (state_ == State::idle || state_ == State::reading_head) && !has_pending()) {
    if (state_ == State::idle) {
      if (exchange_->input.size() == 0) {
        become_idle();
        break;
      }
      exchange_->begin_request();
      exchange_->parser.begin(*exchange_->request, exchange_->router().first().http);
      exchange_->fed = 0;
      state_ = State::reading_head;
    }
    if (!read_head()) break;
  }
  if (gone() || !flush_output()) return;
  if (has_pending() && !armed()) loop().arm(*this, settings().send_timeout);
  if (state_ == State::closing && !has_pending()) close_softly();
}

/// False: the head is not complete.
bool H1Connection::read_head() {
  H1Exchange& exchange = *exchange_;
  Buffer& input = exchange.input;
  std::size_t consumed = 0;
  const H1Parser::Step step =
      exchange.parser.parse_head(input.first() + exchange.fed, input.size() - exchange.fed, consumed);
  exchange.fed += consumed;
  if (step == H1Parser::Step::need_more && input_ended_) {  // it never comes
    state_ = State::closing;
    return false;
  }
  if (step == H1Parser::Step::need_more) {
    if (!head_deadline_) loop().arm(*this, settings().header_timeout);
    head_deadline_ = true;
    make_room_for_head();
    return false;
  }
  if (step == H1Parser::Step::failed) {
    refuse_with(exchange.parser.error());
    return true;
  }
  input.begin += exchange.fed;
  const Result<void> accepted = exchange.accept_head();
  if (!accepted) {
    refuse_with(accepted.error());
    return true;
  }
  begin_serving();
  started(serve(*exchange.request, exchange.router(), exchange));
  return true;
}

void H1Connection::make_room_for_head() {
  Buffer& input = exchange_->input;
  if (input.room() > 0) return want_read(true);
  // The head moves, so the parser begins again: at most once for each time the buffer doubles.
  const std::size_t most = settings().max_header_size + std::size_t{1024};
  const std::size_t capacity = input.begin > 0 ? input.capacity() : std::min(input.capacity() * 2, most);
  Buffer larger = door_.heads().acquire(std::max(capacity, input.size() + 1));
  std::memcpy(larger.data(), input.first(), input.size());
  larger.end = input.size();
  input = std::move(larger);
  --info_.requests;
  exchange_->begin_request();
  exchange_->parser.begin(*exchange_->request, exchange_->router().first().http);
  exchange_->fed = 0;
  std::size_t consumed = 0;
  exchange_->parser.parse_head(input.first(), input.size(), consumed);  // gave need_more before, and does again
  exchange_->fed = consumed;
  want_read(true);
}

void H1Connection::begin_serving() {
  state_ = State::serving;
  head_deadline_ = false;
  disarm();
}

// ---- serving ---------------------------------------------------------------------------------------------------

void H1Connection::started(Task<void> serving) {
  exchange_->serving = std::move(serving);
  if (exchange_->serving.done()) {
    exchange_->serving = {};
    if (gone()) return release_exchange();
    return after_answer();
  }
  exchange_->serving.on_done({[](void* self) { static_cast<H1Connection*>(self)->served(); }, this});
}

void H1Connection::refuse_with(Error error) {
  unread_input_ = true;
  begin_serving();
  started(refuse(*exchange_->request, exchange_->router(), *exchange_, std::move(error)));
}

/// The end of a request that had to wait for something.
void H1Connection::served() {
  exchange_->serving = {};
  if (gone()) {
    release_exchange();
    state_ = State::closing;
    if (socket_closed_) door_.closed(*this);
    return;
  }
  after_answer();
  if (gone()) return;
  want_read(!input_ended_);
  process();
}

void H1Connection::after_answer() {
  H1Exchange& exchange = *exchange_;
  if (exchange.aborted()) {
    const bool must_look_cut = exchange.ends_with_connection();
    state_ = State::closing;  // so that a failure of the next call lets go of the exchange
    flush_output();
    return must_look_cut ? break_off() : tear();
  }
  if (exchange.keep_alive()) {
    state_ = State::idle;
    return;
  }
  const bool may_talk_on = exchange.tunnelled() && !input_ended_ && !entrance_.closing();
  unread_input_ = unread_input_ || may_talk_on || !exchange.body_complete() || exchange.input.size() > 0;
  state_ = State::closing;
}

void H1Connection::become_idle() {
  release_exchange();
  state_ = entrance_.closing() || input_ended_ ? State::closing : State::idle;
  if (!has_pending()) loop().arm(*this, settings().keepalive_timeout);
  set_idle(at_rest());
  want_read(!input_ended_);  // more may lie in the TLS stream
}

void H1Connection::release_exchange() {
  if (exchange_) door_.keep_exchange(std::move(exchange_));
}

void H1Connection::on_writable() {
  if (has_pending()) send_pending();
  if (gone() || has_pending()) return;
  want_write(false);
  if (exchange_ && exchange_->waits_to_write()) {
    exchange_->wake_writer({});
    return watch_for_silence();
  }
  if (state_ == State::closing) return close_softly();
  if (state_ == State::serving) {
    if (!exchange_->waits_to_read()) disarm();  // the client has read the answers before this one in time
    return watch_for_silence();
  }
  disarm();
  head_deadline_ = false;
  if (!exchange_) become_idle();
  want_read(!input_ended_);
  process();
}

// ---- ending ----------------------------------------------------------------------------------------------------

void H1Connection::on_deadline() {
  if (state_ == State::serving && exchange_->waits_to_write()) {
    exchange_->wake_writer(fail(ErrorKind::timed_out, Side::client, "the client did not read within send_timeout"));
  } else if (state_ == State::serving && exchange_->waits_to_read() && !exchange_->tunnelled()) {
    exchange_->wake_reader(
        fail(ErrorKind::timed_out, Side::client, "the request body did not arrive within body_timeout"));
  } else if (state_ == State::reading_head && !has_pending()) {
    refuse_with({ErrorKind::timed_out, Side::client, false, "the request head did not arrive within header_timeout"});
    process();
  } else if (input_ended_ && computes() && !has_pending() && goes_on()) {
    watch_for_silence();
  } else {
    tear();
  }
}

void H1Connection::drain() {
  if (!gone() && exchange_ && exchange_->tunnelled()) return exchange_->request->cancellation.request();
  if (at_rest()) on_readable();  // a request may have arrived that no turn has seen
  if (!at_rest()) return;
  if (info_.requests > 0) return tear();
  loop().arm(*this, kFirstRequest);
}

void H1Connection::end_banned_tunnels() {
  if (!gone() && exchange_) exchange_->end_banned_tunnel();
}

bool H1Connection::give_way() {
  const std::uint64_t requests = info_.requests;
  if (at_rest()) on_readable();  // a request may have arrived that no turn has seen
  if (at_rest() && info_.requests == requests) tear();
  return gone();
}

void H1Connection::close_softly() {
  if (!unread_input_) return tear();
  release_exchange();
  state_ = State::lingering;
  linger();
}

void H1Connection::tear() {
  if (gone()) return;
  shut();
  if (state_ != State::serving) return release_exchange();
  const bool awaited = exchange_->waits_to_read() || exchange_->waits_to_write();
  if (!awaited || exchange_->tunnelled()) exchange_->request->cancellation.request();
  if (exchange_) exchange_->wake_reader(std::unexpected(client_gone()));
  if (exchange_) exchange_->wake_writer(std::unexpected(client_gone()));
}

void H1Connection::on_closed() {
  socket_closed_ = true;
  if (!exchange_) door_.closed(*this);
}

}  // namespace edge
