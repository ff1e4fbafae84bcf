// Sending a request, and receiving the answer as far as it is wanted.
#include "proxy/server_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/http/interim_responses.h"
#include "core/page_cache.h"
#include "proxy/answer_mapping.h"

namespace edge {

namespace {

constexpr std::string_view kNothing;
constexpr std::size_t kLeastRoom = 8 * 1024;      // for one receive
constexpr std::uint64_t kFilePart = 1024 * 1024;  // brought into memory before it is sent

bool has_content(const OutgoingContent& content) {
  return content.stream || (content.spool && content.spool->length().value_or(0) > 0);
}

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
  const bool is_whole = !has_content(content);
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

// ---- sending ----------------------------------------------------------------------------------------------------

/// `head` is what is left of out_, all of it where there is content.
Task<Result<void>> ServerExchange::send_request(OutgoingContent content, std::string_view head) {
  if (content.stream) {
    const Result<void> sent = co_await send_streamed(*content.stream);
    co_return sent;
  }
  if (has_content(content)) {
    const Result<void> sent = co_await send_spooled(*content.spool);
    co_return sent;
  }
  const Result<void> sent = co_await send(head, kNothing, kNothing);
  sent_whole_ = sent.has_value() && !has_head_;
  co_return sent;
}

Task<Result<void>> ServerExchange::send_spooled(const RequestSpool& spool) {
  if (spool.file() >= 0) {
    const Result<void> sent = co_await send_file(spool.file(), *spool.length());
    if (!sent || has_head_) co_return sent;
  } else {
    std::string_view left = spool.bytes();
    while (!left.empty() && !has_head_) {
      const std::string_view piece = left.substr(0, codec_.most_content());
      const Result<void> sent = co_await send_piece(piece);
      if (!sent) co_return sent;
      left.remove_prefix(piece.size());
    }
    if (has_head_) co_return {};
  }
  codec_.finish_content(out_);
  const Result<void> sent = co_await send(out_, kNothing, kNothing);
  sent_whole_ = sent.has_value() && !has_head_;
  co_return sent;
}

Task<Result<void>> ServerExchange::send_file(int file, std::uint64_t size) {
  std::uint64_t offset = 0;
  while (offset < size && !has_head_) {
    const std::uint64_t part = std::min({size - offset, kFilePart, std::uint64_t{codec_.most_content()}});
    bool in_memory = is_in_memory(file, offset, part);  // what was written a while ago may be on the disk alone
    if (!in_memory) in_memory = co_await lane_->loop().offload([=] { return bring_to_memory(file, offset, part); });
    if (!in_memory) co_return fail(ErrorKind::internal, Side::ours, "the spooled request body cannot be read");
    codec_.begin_content(part, out_);
    const Result<void> begun = co_await send(out_, kNothing, kNothing);
    if (!begun || has_head_) co_return begun;
    out_.clear();
    for (std::uint64_t done = 0; done < part && !has_head_;) {
      const Result<ServerConnection::SendProgress> progress = co_await connection_->send_file(
          file, offset + done, part - done, lane_->settings().send_timeout, client_->cancellation);
      if (!progress) co_return std::unexpected(failed_with(progress.error()));
      done += progress->taken;
      if (progress->sent == ServerConnection::Sent::all) break;
      const Result<void> heard = co_await hear_early();
      if (!heard) co_return heard;
    }
    codec_.end_content(part, out_);
    offset += part;
  }
  co_return {};
}

Task<Result<void>> ServerExchange::send_streamed(RequestBodyRef& body) {
  if (!out_.empty()) {  // the server may answer before the client sends anything
    const Result<void> sent = co_await send(out_, kNothing, kNothing);
    if (!sent) co_return sent;
    out_.clear();
  }
  while (!has_head_) {
    const Result<std::string_view> piece = co_await body.read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    streamed_ = true;
    for (std::string_view left = *piece; !left.empty() && !has_head_;) {
      const std::string_view part = left.substr(0, codec_.most_content());
      const Result<void> sent = co_await send_piece(part);
      if (!sent) co_return sent;
      left.remove_prefix(part.size());
    }
  }
  if (has_head_) co_return {};
  codec_.finish_content(out_);
  const Result<void> sent = co_await send(out_, kNothing, kNothing);
  sent_whole_ = sent.has_value() && !has_head_;
  co_return sent;
}

/// What is in out_ goes before it.
Task<Result<void>> ServerExchange::send_piece(std::string_view content) {
  codec_.begin_content(content.size(), out_);
  const std::size_t before = out_.size();
  codec_.end_content(content.size(), out_);
  const std::string_view framing = out_;
  const Result<void> sent = co_await send(framing.substr(0, before), content, framing.substr(before));
  out_.clear();
  co_return sent;
}

/// Ends before all is sent when the server has answered: nobody wants the rest then.
Task<Result<void>> ServerExchange::send(std::string_view first, std::string_view second, std::string_view third) {
  while (!has_head_) {
    const Result<ServerConnection::SendProgress> progress =
        co_await connection_->send(first, second, third, lane_->settings().send_timeout, client_->cancellation);
    if (!progress) co_return std::unexpected(failed_with(progress.error()));
    if (progress->sent == ServerConnection::Sent::all) break;
    std::uint64_t taken = progress->taken;
    for (std::string_view* part : {&first, &second, &third}) {
      const std::size_t gone = std::min<std::uint64_t>(taken, part->size());
      part->remove_prefix(gone);
      taken -= gone;
    }
    const Result<void> heard = co_await hear_early();
    if (!heard) co_return heard;
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
  if (reads_ahead_) connection_->observe(nullptr);
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
  if (connection_) connection_->want_events(!error_ && may_read_ahead(), false);
}

}  // namespace edge
