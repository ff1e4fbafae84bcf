// Asking a server, and receiving the answer as far as it is wanted.
#include "proxy/server_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/http/interim_responses.h"
#include "proxy/answer_mapping.h"

namespace edge {

namespace {

constexpr std::size_t kLeastRoom = 8 * 1024;  // for one receive

/// RFC 9110 9.2.2. A CONNECT for a tunnel is a GET where the server is asked.
bool is_idempotent(Method method) {
  return is_safe(method) || method == Method::put || method == Method::delete_ || method == Method::connect;
}

}  // namespace

ServerExchange::ServerExchange(const std::shared_ptr<UpstreamLane>& lane, ServerUse&& use)
    : lane_(lane),
      use_(std::move(use)),
      server_(use_.server()),
      memory_(lane_->memories().acquire()),
      codec_(*memory_->codec),
      out_(memory_->out),
      blocks_(memory_->blocks),
      pieces_(memory_->pieces) {}

ServerExchange::~ServerExchange() {
  if (connection_) connection_->observe(nullptr);
  connection_.reset();
  if (!use_) return;
  use_.end();
  lane_->place_was_left(server_);
}

Task<Result<void>> ServerExchange::begin(const UpstreamRequest& asked, OutgoingContent content) {
  using Kept = UpstreamLane::Kept;
  const Kept kept = content.stream ? Kept::none : is_idempotent(asked.client.method) ? Kept::any : Kept::fresh;
  return ask(asked, content, kept);
}

Task<Result<void>> ServerExchange::begin_anew(const UpstreamRequest& asked, OutgoingContent content) {
  return ask(asked, content, UpstreamLane::Kept::none);
}

Task<Result<void>> ServerExchange::ask(const UpstreamRequest& asked, OutgoingContent content, UpstreamLane::Kept on) {
  client_ = &asked.client;
  was_stale_ = false;
  error_.reset();
  out_.clear();
  connection_.reset();
  if (Result<void> head = codec_.write_head(asked, out_); !head) co_return head;
  connection_ = lane_->take_kept(*server_, on);
  if (!connection_) {
    Result<ServerConnection::Pointer> connected = co_await lane_->connect(*server_, client_->cancellation);
    if (!connected) co_return std::unexpected(failed_with(std::move(connected.error())));
    connection_ = std::move(*connected);
  }
  sent_at_ = std::chrono::steady_clock::now();
  const bool is_whole = content.empty();
  if (is_whole) codec_.finish_content(out_);  // it may have been announced, and be nothing
  std::string_view rest = out_;
  sent_whole_ = is_whole && connection_->try_send(rest);
  if (!sent_whole_) {
    const Result<void> sent = co_await send_request(content, rest);
    if (!sent) co_return sent;
  }
  while (!has_head_) {
    Result<std::size_t> size = co_await receive();
    if (const Result<void> done = received(std::move(size)); !done) co_return done;
    if (error_) co_return std::unexpected(failed_with(*error_));
  }
  co_return {};
}

// ---- receiving --------------------------------------------------------------------------------------------------

Task<Result<void>> ServerExchange::hear_early() {
  Result<std::size_t> size = co_await receive();
  if (const Result<void> done = received(std::move(size)); !done) co_return done;
  if (error_) co_return std::unexpected(failed_with(*error_));
  co_return {};
}

Task<Result<std::size_t>> ServerExchange::receive() {
  Buffer& to = room();
  return connection_->receive(to.free(), to.room(), lane_->settings().read_timeout, client_->cancellation);
}

Result<void> ServerExchange::received(Result<std::size_t> size) {
  if (!size) return std::unexpected(failed_with(std::move(size.error())));
  if (*size == 0) {
    ended();
  } else {
    take(*size);
  }
  return {};
}

Buffer& ServerExchange::room() {
  if (next_ == pieces_.size()) {  // the client has all of it
    pieces_.clear();
    next_ = 0;
    if (!blocks_.empty()) blocks_.back().begin = blocks_.back().end = 0;
  }
  return block_with_room();
}

Buffer& ServerExchange::block_with_room() {
  if (blocks_.empty() || blocks_.back().room() < kLeastRoom) blocks_.push_back(lane_->buffers().acquire());
  return blocks_.back();
}

/// Parses what was received behind the end of the last block.
void ServerExchange::take(std::size_t received) {
  Buffer& block = blocks_.back();
  block.end += received;
  while (!complete_ && !error_) {
    std::size_t consumed = 0;
    std::string_view content;
    const UpstreamCodec::Step step = codec_.read(block.first(), block.size(), consumed, content);
    block.begin += consumed;
    if (step == UpstreamCodec::Step::need_more) break;
    switch (step) {
      case UpstreamCodec::Step::head:
        on_head();
        if (codec_.response().status == 101) return;
        break;
      case UpstreamCodec::Step::content:
        pieces_.push_back({blocks_gone_ + blocks_.size() - 1, content});
        ahead_ += pieces_.back().memory();
        break;
      case UpstreamCodec::Step::complete:
        on_complete();
        break;
      default:
        error_ = codec_.error();
    }
  }
}

/// RFC 9110 15.5.9: the server has waited for a request for too long, on a connection that edge has kept, and this one
/// crossed its word on the way. What may not be repeated gets that word, which is true of it as well.
bool ServerExchange::tells_of_idleness(const UpstreamCodec::Head& head) const {
  return head.status == 408 && head.closes && connection_->reused() && is_idempotent(client_->method);
}

/// edge has said 100 itself (RFC 9110 15.2).
void ServerExchange::on_head() {
  const UpstreamCodec::Head& head = codec_.response();
  was_stale_ = tells_of_idleness(head);
  if (was_stale_) {
    error_ = {ErrorKind::bad_gateway, Side::upstream, true, "the server ended a kept connection with status 408"};
    return;
  }
  has_head_ = head.status >= 200 || head.status == 101;
  if (has_head_) return answers();
  if (head.status == 100 || !client_->interim) return;
  client_->interim->send_interim(head.status, without_orders(head.headers));
}

std::string_view ServerExchange::received_early() const {
  return blocks_.empty() ? std::string_view() : std::string_view(blocks_.back().first(), blocks_.back().size());
}

/// Before the end of the answer, which may have come with its head.
void ServerExchange::answers() {
  const auto latency = std::chrono::duration_cast<Microseconds>(std::chrono::steady_clock::now() - sent_at_);
  if (use_.succeeded(lane_->loop().now(), latency)) lane_->upstream().servers_changed();
}

void ServerExchange::ended() {
  if (codec_.ended() != UpstreamCodec::Step::complete) {
    error_ = codec_.error();
  } else if (connection_->truncated()) {
    error_ = {ErrorKind::bad_gateway, Side::upstream, false, "the server cut the TLS connection off in its answer"};
  } else {
    on_complete();
  }
}

/// The server is free for others, however slow the client is.
void ServerExchange::on_complete() {
  complete_ = true;
  if (reads_ahead_ || listening_for_) connection_->observe(nullptr);
  if (codec_.reusable() && sent_whole_) lane_->keep(*server_, std::move(connection_));
  connection_.reset();
  use_.end();
  lane_->place_was_left(server_);
}

/// Before its head nothing of an answer has gone to the client but hints, of which there may be more (RFC 9110 15.2).
/// What the codec has said of it stands in error_.
Error ServerExchange::failed_with(Error error) {
  const bool nothing_sent = !connection_ || !connection_->has_sent();
  const bool spoke_nonsense = error_ && !error_->retryable;
  error.retryable = may_repeat_ =
      !has_head_ && !spoke_nonsense && !streamed_ && (nothing_sent || is_idempotent(client_->method));
  const bool is_reused = connection_ && connection_->reused();
  was_stale_ = was_stale_ || (error.kind == ErrorKind::bad_gateway && is_reused && !codec_.begun());
  if (error.side == Side::upstream && use_ && !was_stale_) {
    use_.failed(lane_->loop().now(), lane_->upstream().balance().eject, error.kind);
    server_->keep_failure(lane_->loop().unix_seconds(), error.context);
  }
  return error;
}

Task<Result<std::string_view>> ServerExchange::more() {
  while (!has_piece()) {
    if (error_) co_return std::unexpected(*error_);
    if (complete_) co_return std::string_view();
    if (std::exchange(reads_ahead_, false)) connection_->observe(nullptr);
    Result<std::size_t> size = co_await receive();
    if (const Result<void> done = received(std::move(size)); !done) co_return std::unexpected(done.error());
  }
  co_return take_piece();
}

std::string_view ServerExchange::take_piece() {
  forget_taken();
  const ExchangeMemory::Piece& piece = pieces_[next_++];
  ahead_ -= piece.memory();
  share_.shrink(ahead_);
  return piece.bytes;
}

/// Lets go of what lies before the next piece: an answer may be long, and its client slow to its end.
void ServerExchange::forget_taken() {
  const std::size_t taken = pieces_[next_].block - blocks_gone_;
  blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(taken));
  blocks_gone_ += taken;
  constexpr std::size_t kManyPieces = 64;
  if (next_ < kManyPieces) return;
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(next_));
  next_ = 0;
}

void ServerExchange::read_ahead(std::size_t most) {
  if (complete_ || error_ || most == 0) return;
  most_ahead_ = most;
  if (!std::exchange(reads_ahead_, true)) connection_->observe(this);
  connection_->want_events(may_read_ahead(), false);
}

void ServerExchange::on_server_readable(ServerConnection& connection) {
  Buffer& to = block_with_room();  // not room(): what the client is being sent lies in the blocks
  const std::ptrdiff_t size = connection.receive_now(to.free(), to.room());
  if (size == ServerConnection::kNothingNow) return;
  if (size == ServerConnection::kBroken) {
    error_ = connection.broken();
  } else if (size == 0) {
    ended();
  } else {
    take(static_cast<std::size_t>(size));
  }
  const bool listens = listening_for_ && !has_head_;
  if (connection_) connection_->want_events(!error_ && (listens || may_read_ahead()), false);
  if (!listening_for_ || !(has_head_ || error_)) return;
  streamed_ = true;        // no other server could get what is stopped here
  listening_for_->stop();  // the exchange may end in this
}

}  // namespace edge
