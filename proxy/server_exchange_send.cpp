// Sending a request, and hearing what the server says meanwhile.
#include <algorithm>
#include <utility>

#include "core/page_cache.h"
#include "proxy/server_exchange.h"

namespace edge {

namespace {

constexpr std::string_view kNothing;
constexpr std::uint64_t kFilePart = 1024 * 1024;  // brought into memory before it is sent

}  // namespace

/// `head` is what is left of out_, all of it where there is content.
Task<Result<void>> ServerExchange::send_request(OutgoingContent content, std::string_view head) {
  if (content.stream) {
    const Result<void> sent = co_await send_streamed(*content.stream);
    co_return sent;
  }
  if (!content.empty()) {
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
    const Result<std::string_view> piece = co_await read_and_listen(body);
    if (!piece) co_return std::unexpected(piece.error());
    streamed_ = streamed_ || !piece->empty();
    if (error_) co_return std::unexpected(failed_with(*error_));
    if (piece->empty() || has_head_) break;
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

/// The next piece of the client's content; the end as well when the server has answered or broken off meanwhile: a
/// client may wait for its answer before it sends on.
Task<Result<std::string_view>> ServerExchange::read_and_listen(RequestBodyRef& body) {
  Task<Result<std::string_view>> reading = body.read();
  if (!reading.done() && !error_) {
    listening_for_ = &body;
    connection_->observe(this);
    connection_->want_events(true, false);
  }
  Result<std::string_view> piece = co_await reading;
  if (std::exchange(listening_for_, nullptr) && connection_) {
    connection_->observe(nullptr);
    connection_->want_events(false, false);
  }
  co_return piece;
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

}  // namespace edge
