// One uwsgi connection: reading a packet -> serving -> closing.
#include "core/uwsgi/connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/http/door.h"
#include "core/http/pump.h"
#include "core/uwsgi/packet.h"
#include "core/uwsgi/public_socket.h"

namespace edge::uwsgi {

namespace {

/// The first bytes of HTTP requests, and of HTTP/2 with prior knowledge.
constexpr std::array<std::string_view, 10> kHttpBeginnings = {"GET ", "HEAD", "POST", "PUT ", "DELE",
                                                              "OPTI", "TRAC", "CONN", "PATC", "PRI "};
constexpr std::string_view kTlsBeginning = "\x16\x03";

}  // namespace

Connection::Connection(PublicSocket& socket, Door& door, Entrance& entrance, const ConnectionInfo& info)
    : ClientConnection(door, entrance, info), socket_(socket), exchange_(door.loop(), *this) {}

bool Connection::begin(int fd) {
  if (watch(door_.loop(), fd) != 0) return false;
  loop().arm(*this, settings().header_timeout);
  set_idle(true);
  return true;
}

// ---- reading ---------------------------------------------------------------------------------------------------

void Connection::on_readable() {
  switch (state_) {
    case State::reading_packet:
      return read_packet();
    case State::serving:
      if (exchange_.waits_to_read()) return exchange_.wake_reader({});
      return want_read(false);  // nobody asks for it: it stays in the kernel
    case State::closing:
      return want_read(false);
    case State::lingering:
      return discard_input();
  }
}

/// Looks at what has arrived and takes it, but for the last byte of the packet (see Exchange::packet).
void Connection::read_packet() {
  Buffer& packet = exchange_.packet;
  if (!packet) packet = door_.heads().acquire();
  const ssize_t got = ::recv(fd(), packet.free(), packet.room(), MSG_PEEK);
  if (got <= 0) {
    if (got == 0 || !would_block()) tear();
    return;
  }
  set_idle(false);
  const std::size_t seen = packet.size() + static_cast<std::size_t>(got);
  if (seen < kHeaderSize) {
    consume(static_cast<std::size_t>(got));
    return;
  }
  const Header header = decode_header(packet.first());
  if (header.modifier1 != 0) return turn_away();
  const std::size_t whole = kHeaderSize + header.block_size;
  if (seen < whole) {
    if (consume(static_cast<std::size_t>(got)) && packet.room() == 0) {
      Buffer larger = door_.heads().acquire(whole);
      std::memcpy(larger.data(), packet.first(), packet.size());
      larger.end = packet.size();
      packet = std::move(larger);
    }
    return;
  }
  if (!consume(whole - packet.size() - 1)) return;
  ++packet.end;
  serve_packet();
}

/// Takes bytes that were looked at. False: the connection is gone.
bool Connection::consume(std::size_t bytes) {
  Buffer& packet = exchange_.packet;
  if (bytes == 0) return true;
  const ssize_t got = ::recv(fd(), packet.free(), bytes, 0);
  if (got != static_cast<ssize_t>(bytes)) return tear(), false;
  packet.end += bytes;
  return true;
}

/// The client speaks something else.
void Connection::turn_away() {
  const std::string_view begin(exchange_.packet.first(), kHeaderSize);
  if (std::ranges::find(kHttpBeginnings, begin) != kHttpBeginnings.end()) {
    socket_.complain("a client speaks HTTP here, and was told so with a 400; the port is for nginx's uwsgi_pass");
    state_ = State::closing;
    disarm();
    queue(socket_.page_for_http());
    return send_rest();
  }
  if (begin.starts_with(kTlsBeginning)) {
    socket_.complain("a client speaks TLS here; the port is for nginx's uwsgi_pass, without TLS");
  } else {
    socket_.complain(fmt::format("a client sent a packet with modifier1 {}; only web requests are taken, which have 0",
                                 static_cast<unsigned>(static_cast<unsigned char>(begin[0]))));
  }
  tear();
}

// ---- serving ---------------------------------------------------------------------------------------------------

void Connection::serve_packet() {
  exchange_.begin_request();
  const Result<void> accepted = exchange_.accept_packet();
  if (!accepted) return refuse_with(accepted.error());
  state_ = State::serving;
  disarm();
  want_read(false);
  want_end(true);
  started(serve(*exchange_.request, exchange_.router(), exchange_));
}

void Connection::refuse_with(Error error) {
  state_ = State::serving;
  disarm();
  want_read(false);
  started(refuse(*exchange_.request, exchange_.router(), exchange_, std::move(error)));
}

void Connection::started(Task<void> serving) {
  exchange_.serving = std::move(serving);
  if (exchange_.serving.done()) return served();
  exchange_.serving.on_done({[](void* self) { static_cast<Connection*>(self)->served(); }, this});
  if (!gone()) flush_output();
}

void Connection::served() {
  exchange_.serving = {};
  const bool whole = !exchange_.aborted();
  state_ = State::closing;
  if (gone()) {
    if (socket_closed_) door_.closed(*this);
    return;
  }
  want_end(false);
  if (whole) return send_rest();
  if (flush_output()) break_off();
}

void Connection::send_rest() {
  if (!flush_output()) return;
  if (!has_pending()) return close_softly();
  if (!armed()) loop().arm(*this, settings().send_timeout);
}

void Connection::on_writable() {
  if (has_pending()) send_pending();
  if (gone() || has_pending()) return;
  want_write(false);
  disarm();
  if (exchange_.waits_to_write()) return exchange_.wake_writer({});
  if (state_ == State::closing) close_softly();
}

// ---- ending ----------------------------------------------------------------------------------------------------

void Connection::on_peer_end() {
  pollfd peer{fd(), 0, 0};
  const bool on_unix = info_.local.family == Address::Family::none;
  const bool gone_for_good = ::poll(&peer, 1, 0) < 0 || (peer.revents & (POLLHUP | POLLERR)) != 0;
  if (on_unix && !gone_for_good) return want_end(false);
  tear();
}

void Connection::on_deadline() {
  if (exchange_.waits_to_read()) {
    exchange_.wake_reader(
        fail(ErrorKind::timed_out, Side::client, "the request body did not arrive within body_timeout"));
  } else if (exchange_.waits_to_write()) {
    exchange_.wake_writer(fail(ErrorKind::timed_out, Side::client, "the client did not read within send_timeout"));
  } else if (state_ == State::reading_packet && exchange_.packet.size() > 0) {
    exchange_.begin_request();
    refuse_with({ErrorKind::timed_out, Side::client, false, "the uwsgi packet did not arrive within header_timeout"});
  } else {
    tear();
  }
}

void Connection::drain() {
  if (at_rest()) on_readable();  // a packet may have arrived that no turn has seen
  if (at_rest()) loop().arm(*this, kFirstRequest);
}

bool Connection::give_way() {
  if (at_rest()) on_readable();  // a packet may have arrived that no turn has seen
  if (at_rest()) tear();
  return gone();
}

bool Connection::at_rest() const {
  return !gone() && state_ == State::reading_packet && exchange_.packet.size() == 0;
}

/// What the client still sends must be read, or the kernel resets the connection under the answer.
void Connection::close_softly() {
  char bytes[4096];
  const ssize_t got = ::recv(fd(), bytes, sizeof bytes, 0);
  if (exchange_.body_complete() && got <= 1) return tear();
  state_ = State::lingering;
  linger();
}

void Connection::tear() {
  if (gone()) return;
  shut();
  if (state_ != State::serving) return;
  if (exchange_.waits_to_read()) return exchange_.wake_reader(std::unexpected(client_gone()));
  if (exchange_.waits_to_write()) return exchange_.wake_writer(std::unexpected(client_gone()));
  exchange_.request->cancellation.request();
}

void Connection::on_closed() {
  socket_closed_ = true;
  if (state_ != State::serving) door_.closed(*this);
}

}  // namespace edge::uwsgi
