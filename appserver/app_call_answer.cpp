// A call's answer: collecting head and body as they come, handing the body out, and starting afresh.
#include <cstring>
#include <utility>

#include "appserver/answer_channel.h"
#include "appserver/app_call.h"
#include "appserver/app_lane.h"
#include "core/http/request.h"

namespace edge {

namespace {

constexpr std::size_t kSmallPiece = 4096;    // smaller ones are gathered, so that they do not pin a block each
constexpr std::size_t kMostKeptSlices = 64;  // of memory that a recycled call keeps
constexpr std::size_t kForgottenSlices = 32;

}  // namespace

/// The worker has request_timeout for the next piece of its answer.
void AppCall::watch_answer() {
  answer_due_ = lane_.loop().now() + static_cast<std::uint64_t>(lane_.app().request_timeout.count());
  lane_.loop().arm(*this, lane_.app().request_timeout);
}

/// A head first and once; or no head at all, when the app failed without.
std::string_view AppCall::check(const AnswerFrames::Piece& piece) {
  if (piece.opens) {
    const bool first = !std::exchange(begun_, true);
    const bool has_head = piece.status != 0;
    if (has_head && !first) return "a second head";
    const bool failed_at_once = piece.failed && piece.body.empty();
    if (first && !has_head && !failed_at_once) return "an answer that begins without a head";
  }
  if (channel_->is_asgi() && !abandoned() && !expired_ &&
      buffered_ + taken_ + piece.body.size() > wire::kAnswerWindow) {
    return "more of an answer than its window";
  }
  return {};
}

void AppCall::take(const AnswerFrames::Piece& piece, const BlockRef& block) {
  if (piece.last) {
    over_ = true;
    disarm();
  }
  if (abandoned() || expired_) return;
  if (!piece.last) watch_answer();
  if (piece.opens && piece.status != 0) status_ = piece.status;
  if (!head_complete_) take_head(piece, block);
  if (!piece.body.empty()) take_body(piece.body, block);
  if (piece.failed) {
    const char* const how = status_ == 0 ? "the app failed" : "the app failed in the middle of its answer";
    error_ = {ErrorKind::internal, Side::app, false, how};
  }
  wake_if_ready();
}

void AppCall::take_head(const AnswerFrames::Piece& piece, const BlockRef& block) {
  head_complete_ = piece.head_complete;
  if (piece.opens && piece.head_complete) {
    head_ = piece.head;
    head_in_ = block;
  } else {
    head_text_.append(piece.head);
  }
  if (head_complete_) request_->upstream.response_time = lane_.loop().now() - begun_at_;
}

void AppCall::take_body(std::string_view bytes, const BlockRef& block) {
  buffered_ += bytes.size();
  if (next_slice_ >= kForgottenSlices) {
    slices_.erase(slices_.begin(), slices_.begin() + static_cast<std::ptrdiff_t>(next_slice_));
    next_slice_ = 0;
  }
  if (bytes.size() >= kSmallPiece || !has_chunk()) {
    slices_.push_back({block, bytes});
    return;
  }
  if (!gathered_ || gathered_.room() < bytes.size()) gathered_ = lane_.blocks().fresh();
  char* const to = gathered_.free();
  std::memcpy(to, bytes.data(), bytes.size());
  gathered_.commit(bytes.size());
  Slice& before = slices_.back();
  if (before.bytes.data() + before.bytes.size() == to) {
    before.bytes = {before.bytes.data(), before.bytes.size() + bytes.size()};
  } else {
    slices_.push_back({gathered_, {to, bytes.size()}});
  }
}

void AppCall::bring_file(FileRange file) {
  if (!abandoned()) file_ = std::move(file);
}

void AppCall::hold_to_window() {
  if (!abandoned() && !expired_ && buffered_ > wire::kAnswerWindow / 4) disarm();
}

/// The app waits at a full window only while more than a quarter of it lies here, so its time runs again below that.
void AppCall::acknowledge(std::size_t taken) {
  taken_ += taken;
  if (over_) return;
  if (taken_ >= wire::kAnswerWindow / 4) {
    channel_->notify(*this, wire::kTaken, static_cast<std::uint32_t>(std::exchange(taken_, 0)));
  }
  if (!armed() && buffered_ <= wire::kAnswerWindow / 4) watch_answer();
}

bool AppCall::is_full() {
  return !abandoned() && buffered_ > kAlwaysAhead && (buffered_ > kAnswerBuffer || !share_.reach(buffered_));
}

/// For what one read brings, after is_full().
bool AppCall::has_room() {
  if (buffered_ <= kAlwaysAhead / 2) return true;
  return buffered_ <= kAnswerBuffer / 2 && share_.reach(buffered_ + BlockRef::kBlockSize);
}

std::string_view AppCall::chunk() {
  sending_ = std::move(slices_[next_slice_++]);
  buffered_ -= sending_.bytes.size();
  share_.shrink(buffered_);
  if (!has_chunk()) {
    slices_.clear();
    next_slice_ = 0;
    gathered_ = {};
  }
  if (channel_ && channel_->is_asgi()) {
    acknowledge(sending_.bytes.size());
  } else if (channel_ && !channel_->is_reading() && has_room()) {
    channel_->resume_reading();
    watch_answer();
  }
  return sending_.bytes;
}

void AppCall::release_chunk() {
  sending_ = {};
}

void AppCall::reset() {
  disarm();
  request_ = nullptr;
  body_ = nullptr;
  status_ = 0;
  wanted_ = true;
  interrupts_left_ = 0;
  retires_ = cancels_ = expired_ = reported_ = begun_ = head_complete_ = over_ = false;
  head_ = {};
  head_in_ = {};
  head_text_ = {};
  slices_.clear();
  share_.give_back();
  if (slices_.capacity() > kMostKeptSlices) slices_.shrink_to_fit();
  next_slice_ = 0;
  buffered_ = taken_ = 0;
  sending_ = {};
  file_.reset();
  gathered_ = {};
  error_.reset();
}

}  // namespace edge
