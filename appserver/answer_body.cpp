// Pulling an answer's body out of its call.
#include "appserver/answer_body.h"

#include <fmt/format.h>

namespace edge {

AnswerBody::AnswerBody(CallRef call, std::optional<std::uint64_t> length) : call_(std::move(call)), length_(length) {
  // Complete, without an announcement: the length is known all the same.
  if (!length_ && call_->over() && !call_->error()) length_ = call_->buffered();
}

Task<Result<BodySource::Chunk>> AnswerBody::pull() {
  call_->release_chunk();
  if (!call_->has_chunk() && !call_->over()) {
    const Result<void> more = co_await call_->more();
    if (!more) co_return std::unexpected(more.error());
  }
  co_return next();
}

Result<BodySource::Chunk> AnswerBody::next() {
  if (!call_->has_chunk() && call_->error()) return std::unexpected(*call_->error());
  Chunk chunk;
  if (call_->has_chunk()) chunk.bytes = call_->chunk();
  const bool ended = call_->over() && !call_->error() && !call_->has_chunk();
  if (!length_) {
    sent_ += chunk.bytes.size();
    chunk.last = ended;
    return chunk;
  }
  chunk.bytes = chunk.bytes.substr(0, *length_ - sent_);
  sent_ += chunk.bytes.size();
  chunk.last = sent_ == *length_;
  if (chunk.last) call_->let_it_finish();
  if (ended && !chunk.last) {
    return fail(ErrorKind::bad_gateway, Side::app,
                fmt::format("the app announced {} bytes and sent {}", *length_, sent_));
  }
  return chunk;
}

}  // namespace edge
