// Pulling, coding, handing on.
#include "core/filters/compressed_body.h"

#include <utility>

namespace edge {
namespace {

constexpr std::size_t kPiece = 128 * 1024;  // so the output stays small, whatever the inner source gives at a time

/// Compressor::feed() for the thread pool.
struct PooledFeed {
  Compressor* compressor;
  std::string_view bytes;
  Compressor::Until until;
  std::string* to;
  bool operator()() const { return compressor->feed(bytes, until, *to); }
};

}  // namespace

CompressedBody::CompressedBody(Loop& loop, TakenCompressor compressor, std::unique_ptr<BodySource> inner)
    : loop_(loop), compressor_(std::move(compressor)), inner_(std::move(inner)) {}

bool CompressedBody::fits_in_turn(std::size_t size) {
  if (turn_ != loop_.now()) in_turn_ = 0;
  turn_ = loop_.now();
  if (in_turn_ + size > kMostOnLoop) return false;
  in_turn_ += size;
  return true;
}

Task<Result<BodySource::Chunk>> CompressedBody::pull() {
  if (rest_.empty()) {
    const Result<Chunk> chunk = co_await inner_->pull();
    if (!chunk) co_return chunk;
    rest_ = chunk->bytes;
    inner_ended_ = chunk->last;
    if (rest_.empty() && !inner_ended_) co_return Chunk{};
  }
  PooledFeed feed{compressor_.get(), rest_.substr(0, kPiece), Compressor::Until::later, &coded_};
  rest_.remove_prefix(feed.bytes.size());
  if (rest_.empty()) feed.until = inner_ended_ ? Compressor::Until::end : Compressor::Until::here;
  coded_.clear();
  bool coded = false;
  if (fits_in_turn(feed.bytes.size())) {
    coded = feed();
  } else {
    coded = co_await loop_.offload(feed);
  }
  if (!coded) co_return fail(ErrorKind::internal, Side::ours, "an answer could not be compressed: no memory");
  co_return Chunk{coded_, feed.until == Compressor::Until::end};
}

}  // namespace edge
