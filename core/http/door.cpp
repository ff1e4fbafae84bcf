// The connections of one loop: accepting, pooling, draining.
#include "core/http/door.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "core/http/connection_beginning.h"
#include "core/http/h1_connection.h"
#include "core/http/h2_connection.h"
#include "core/http/h2_stream.h"
#include "core/http/prior_knowledge.h"
#include "core/http/proxy_preamble.h"
#include "core/http/tls_handshake.h"
#include "core/log.h"
#include "core/net/tls_output.h"
#include "core/net/tls_stream.h"

namespace edge {

namespace {
constexpr std::size_t kHeadBlock = 16 * 1024;
constexpr std::size_t kBodyBlock = 64 * 1024;
constexpr std::size_t kKeptHeads = 256;
constexpr std::size_t kKeptBodies = 32;
constexpr std::size_t kKeptExchanges = 256;
constexpr Milliseconds kLookAgain{100};
constexpr int kMoreAtOnce = 64;
constexpr int kTries = 16;  // requests of idle clients may have arrived that no turn has seen
}  // namespace

Door::Door(Loop& loop, ConnectionLimit& limit)
    : loop_(loop), limit_(limit), heads_(kHeadBlock, kKeptHeads), bodies_(kBodyBlock, kKeptBodies) {
  limit_.join(*this);
}

Door::~Door() {
  limit_.leave(*this);
}

std::unique_ptr<ClientConnection> Door::Http::connection(Door& door, Entrance& entrance, const ConnectionInfo& info) {
  if (entrance.front().proxy_protocol) return std::make_unique<ProxyPreamble>(door, entrance, info);
  return door.behind_proxy(entrance, info);
}

std::unique_ptr<ClientConnection> Door::behind_proxy(Entrance& entrance, const ConnectionInfo& info) {
  if (entrance.front().tls) return std::make_unique<TlsHandshake>(*this, entrance, info);
  if (entrance.front().http2) return std::make_unique<PriorKnowledge>(*this, entrance, info);
  return http_connection(entrance, info, false);
}

std::unique_ptr<ClientConnection> Door::http_connection(Entrance& entrance, const ConnectionInfo& info, bool http2) {
  if (http2) return std::make_unique<H2Connection>(*this, entrance, info);
  return std::make_unique<H1Connection>(*this, entrance, info);
}

Entrance& Door::open(std::shared_ptr<const Router> router, HttpFront front) {
  return *entrances_.emplace_back(std::make_unique<Entrance>(
      std::move(router), std::move(front), std::shared_ptr<Protocol>(std::shared_ptr<void>(), &http_)));
}

Entrance& Door::open(std::shared_ptr<const Router> router, std::shared_ptr<Protocol> protocol) {
  return *entrances_.emplace_back(std::make_unique<Entrance>(std::move(router), HttpFront(), std::move(protocol)));
}

Entrance& Door::open(std::shared_ptr<const Router> router, Protocol& protocol) {
  return open(std::move(router), std::shared_ptr<Protocol>(std::shared_ptr<void>(), &protocol));
}

Entrance& Door::renew(Entrance& entrance, std::shared_ptr<const Router> router, HttpFront front) {
  const HttpFront& before = entrance.front_;
  if (bool(before.tls) != bool(front.tls) || before.proxy_protocol != front.proxy_protocol) {
    Entrance& next = open(std::move(router), std::move(front));
    for (const auto& listening : listeners_) {
      if (listening->entrance == &entrance) listening->entrance = &next;
    }
    close(entrance);
    return next;
  }
  entrance.front_ = std::move(front);
  entrance.router_ = std::move(router);
  forget_resting();
  return entrance;
}

void Door::listen(Entrance& entrance, UniqueFd socket, const Address& local) {
  auto listening = std::make_unique<Listening>(*this, entrance);
  const auto accepted = [this, local, &of = *listening](int fd, const Address& remote) {
    take_in(*of.entrance, fd, remote, local);
  };
  listening->listener = Listener::make(loop_, std::move(socket), accepted, listening.get());
  if (!listening->listener) return;
  if (!accepting_) listening->listener->set_accepting(false);
  listeners_.push_back(std::move(listening));
}

void Door::leave(Entrance& entrance) {
  std::erase_if(listeners_, [&entrance](const auto& listening) {
    if (listening->entrance != &entrance) return false;
    listening->listener->leave();
    return true;
  });
}

/// Before each accept, so that several loops together never accept more than there is room for.
bool Door::Listening::take_place() {
  if (entrance->closing()) {  // its backlog is taken
    door.limit_.add_place();
    return true;
  }
  if (door.limit_.take_place()) return true;
  if (!somebody_waits()) return false;
  if (ClientConnection* const closed = door.close_idle()) {
    closed->passed_on_ = true;
    if (door.limit_.is_exceeded()) door.give_up_idle();
    return true;
  }
  door.limit_.ask_others(door);
  door.set_accepting(false);
  return false;
}

bool Door::Listening::somebody_waits() const {
  pollfd backlog{listener->fd(), POLLIN, 0};
  return ::poll(&backlog, 1, 0) > 0;
}

ClientConnection* Door::close_idle() {
  for (int i = 0; i < kTries; ++i) {
    ClientConnection* const first = idle_.first_to_go(loop_.now());
    if (!first) return nullptr;
    idle_.leave(*first);
    if (!first->give_way()) continue;
    if (closes_idle_.lets_pass(loop_.now())) {
      log::warn(
          "{} connections are open (edge.max_connections): idle ones are closed for new ones; raise it, or lower "
          "keepalive_timeout",
          limit_.open.load(std::memory_order_relaxed));
    }
    return first;
  }
  return nullptr;
}

/// Nobody else takes its place.
bool Door::give_up_idle() {
  ClientConnection* const closed = close_idle();
  if (!closed) return false;
  closed->passed_on_ = true;
  limit_.return_place();
  return true;
}

bool Door::make_way() {
  if (!close_idle()) return false;
  int more = kMoreAtOnce;
  while (limit_.is_exceeded() && more > 0 && give_up_idle()) --more;
  return true;
}

void Door::adopt(Entrance& entrance, int fd, const Address& remote, const Address& local) {
  limit_.add_place();
  take_in(entrance, fd, remote, local);
}

void Door::take_in(Entrance& entrance, int fd, const Address& remote, const Address& local) {
  ConnectionInfo info;
  info.remote = remote;
  info.local = local;
  info.number = limit_.serial.fetch_add(1, std::memory_order_relaxed) + 1;
  if (!entrance.front_.proxy_protocol && entrance.router_->turns_away(remote, loop_.now())) {
    ::close(fd);
    return limit_.return_place();
  }
  std::unique_ptr<ClientConnection> connection = entrance.protocol_->connection(*this, entrance, info);
  if (!connection->begin(fd)) return limit_.return_place();
  opened(std::move(connection));
}

void Door::pass_on(ConnectionBeginning& from, std::unique_ptr<ClientConnection> next, std::unique_ptr<TlsStream> tls) {
  next->speak_tls(std::move(tls));
  if (!next->begin(from.give_away())) return;
  ClientConnection& begun = *next;
  from.passed_on_ = true;  // with its place
  opened(std::move(next));
  begun.look_after_unsent();
  if (begun.entrance().closing()) begun.drain();
  if (!begun.gone()) begun.on_readable();  // what came behind the beginning may lie in the TLS stream
}

void Door::read_again(ClientConnection& connection) {
  if (connection.reads_again_) return;
  connection.reads_again_ = true;
  if (reads_.empty()) loop_.post([this] { run_reads(); });
  reads_.push_back(&connection);
}

void Door::run_reads() {
  const std::size_t count = reads_.size();  // what is added meanwhile is for the next turn
  for (std::size_t i = 0; i < count; ++i) {
    ClientConnection* const connection = std::exchange(reads_[i], nullptr);
    if (!connection) continue;
    connection->reads_again_ = false;
    if (!connection->gone() && connection->wants_read()) connection->on_readable();
  }
  reads_.erase(reads_.begin(), reads_.begin() + static_cast<std::ptrdiff_t>(count));
  if (!reads_.empty()) loop_.post([this] { run_reads(); });
}

void Door::opened(std::unique_ptr<ClientConnection> connection) {
  ClientConnection* const opened = connection.release();  // deletes itself through closed()
  opened->next_ = first_;
  if (first_) first_->previous_ = opened;
  first_ = opened;
  ++open_;
  ++opened->entrance().connections_;
}

void Door::closed(ClientConnection& connection) {
  (connection.previous_ ? connection.previous_->next_ : first_) = connection.next_;
  if (connection.next_) connection.next_->previous_ = connection.previous_;
  Entrance& entrance = connection.entrance();
  if (connection.reads_again_) std::ranges::replace(reads_, &connection, nullptr);
  const bool counts = !connection.passed_on_;
  delete &connection;
  --open_;
  --entrance.connections_;
  forget(entrance);
  if (counts) limit_.return_place();
  if (!accepting_ && !limit_.is_reached()) set_accepting(true);
  if (open_ == 0 && stopped_) std::exchange(stopped_, nullptr)();
}

void Door::set_accepting(bool accepting) {
  if (accepting == accepting_ || draining_) return;
  accepting_ = accepting;
  for (const auto& listening : listeners_) listening->listener->set_accepting(accepting);
  if (accepting) return disarm();
  if (waits_.lets_pass(loop_.now())) {
    log::warn("{} connections are open (edge.max_connections): new ones wait",
              limit_.open.load(std::memory_order_relaxed));
  }
  loop_.arm(*this, kLookAgain);
}

void Door::close(Entrance& entrance) {
  entrance.closing_ = true;
  // First the backlog is taken, whatever max_connections says.
  std::erase_if(listeners_, [&entrance](const auto& listening) {
    if (listening->entrance != &entrance) return false;
    listening->listener->shut();
    return true;
  });
  // The next is looked up afterwards: the call may end others, but deletes this one in a later turn only.
  for (ClientConnection* at = first_; at; at = at->next_) {
    if (&at->entrance() == &entrance) at->drain();
  }
  forget(entrance);
}

void Door::forget(Entrance& entrance) {
  if (!entrance.closing_ || entrance.connections_ > 0) return;
  forget_resting();
  std::erase_if(entrances_, [&entrance](const auto& one) { return one.get() == &entrance; });
}

void Door::stop(std::move_only_function<void()> done) {
  draining_ = true;
  disarm();
  for (std::size_t i = entrances_.size(); i-- > 0;) {
    if (!entrances_[i]->closing_) close(*entrances_[i]);
  }
  if (open_ == 0) return done();
  stopped_ = std::move(done);
}

void Door::end_banned_tunnels() {
  for (ClientConnection* at = first_; at; at = at->next_) at->end_banned_tunnels();
}

std::size_t Door::kill() {
  std::size_t serving = 0;
  for (ClientConnection* at = first_; at; at = at->next_) {
    if (!at->gone() && at->serves()) ++serving;
    at->tear();
  }
  return serving;
}

TlsOutput& Door::tls_output() {
  if (!tls_output_) tls_output_ = std::make_unique<TlsOutput>();
  return *tls_output_;
}

/// They hold on to the router before.
void Door::forget_resting() {
  resting_.clear();
  resting_streams_.clear();
}

std::unique_ptr<H1Exchange> Door::take_exchange() {
  if (resting_.empty()) return std::make_unique<H1Exchange>(loop_);
  std::unique_ptr<H1Exchange> exchange = std::move(resting_.back());
  resting_.pop_back();
  return exchange;
}

void Door::keep_exchange(std::unique_ptr<H1Exchange> exchange) {
  exchange->rest();
  if (resting_.size() < kKeptExchanges) resting_.push_back(std::move(exchange));
}

std::unique_ptr<H2Stream> Door::take_stream() {
  if (resting_streams_.empty()) return std::make_unique<H2Stream>(loop_);
  std::unique_ptr<H2Stream> stream = std::move(resting_streams_.back());
  resting_streams_.pop_back();
  return stream;
}

void Door::keep_stream(std::unique_ptr<H2Stream> stream) {
  stream->rest();
  if (resting_streams_.size() < kKeptExchanges) resting_streams_.push_back(std::move(stream));
}

}  // namespace edge
