// Frames straight from the app's own bytes: one sendmsg for a whole small answer.
#include "appserver/gateway/answer.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>

#include "appserver/gateway/process.h"

namespace edge::gateway {
namespace {

using wire::FrameHeader;

/// RFC 9110 6.4.1.
bool status_has_body(std::uint16_t status) {
  return status != 204 && status != 304;
}

}  // namespace

Answer::Answer(LogLines& log, std::size_t head_room) : log_(log) {
  make_room(head_room);
}

void Answer::make_room(std::size_t head_size) {
  head_bytes_ = std::make_unique_for_overwrite<char[]>(sizeof(FrameHeader) + head_size);
  head_room_ = head_size;
}

void Answer::open(const wire::RequestHeader& request, FrameSink& sink, const std::uint64_t& cancelled, bool is_head) {
  sequence_ = request.sequence;
  place_ = request.place;
  sink_ = &sink;
  cancelled_ = &cancelled;
  is_head_request_ = is_head;
  head_ = {};
  body_size_ = transmitted_ = 0;
  has_head_ = head_sent_ = finished_ = overrun_ = false;
}

bool Answer::set_head(PyObject* status, PyObject* headers) {
  has_head_ = false;
  Head head;
  if (!encode_head(status, headers, {head_bytes_.get() + sizeof(FrameHeader), head_room_}, head)) return false;
  head_ = head;
  has_head_ = true;
  return true;
}

void Answer::set_head(const Head& head, const char* encoded) {
  if (head.size > head_room_) make_room(head.size);
  std::memcpy(head_bytes_.get() + sizeof(FrameHeader), encoded, head.size);
  head_ = head;
  has_head_ = true;
}

bool Answer::is_wanted() {
  if (cut_off_) return false;
  // The edge writes it from another process; it is only ever compared.
  const std::uint64_t cancelled =
      std::atomic_ref(const_cast<std::uint64_t&>(*cancelled_)).load(std::memory_order_relaxed);
  return cancelled != sequence_;
}

bool Answer::send(std::span<iovec> pieces, bool complete) {
  if (sending_) {
    PyErr_SetString(PyExc_RuntimeError, "two threads send parts of the same answer");
    return false;
  }
  const std::uint64_t size = clip(pieces);
  if (finished_) return !overrun_;
  const std::optional<std::uint64_t> promised = head_.content_length;
  // With the promised length reached, the last piece and the end of the answer go out in one frame.
  if (overrun_ || (promised && body_size_ == *promised && size > 0)) complete = true;
  const bool bodiless = is_bodiless();
  if (complete && !bodiless && promised && body_size_ < *promised) {
    // What there is goes out first: a client that was sent a part learns that it is one.
    if (head_sent_ && size > 0 && !send_frames(pieces, 0)) return false;
    fail_short(body_size_);
    return true;
  }
  if (size == 0 && !complete) return is_wanted();
  if (bodiless) pieces = {};
  if (bodiless && head_sent_ && !complete) return is_wanted();
  return send_frames(pieces, complete ? wire::kLast : std::uint16_t{0}) && !overrun_;
}

bool Answer::send_head() {
  if (head_sent_ || finished_ || is_bodiless()) return is_wanted();
  return send_frames({}, 0);
}

void Answer::send_file(Descriptor file, wire::FilePart part) {
  if (is_bodiless()) return finish();
  const std::uint64_t promised = head_.content_length.value_or(part.length);
  if (part.length < promised) return fail_short(part.length);
  if (promised == 0) return finish();
  if (!is_wanted()) return;
  part.length = promised;
  write_frame_header(head_.size + sizeof part, wire::kHead | wire::kLast | wire::kFile);
  std::array<iovec, 2> parts{{{head_bytes_.get(), sizeof(FrameHeader) + head_.size}, {&part, sizeof part}}};
  head_sent_ = finished_ = true;
  transmit(parts, std::move(file));
}

bool Answer::is_bodiless() const {
  return is_head_request_ || !status_has_body(head_.status);
}

void Answer::fail_short(std::uint64_t size) {
  log_.write("the application sent " + std::to_string(size) + " bytes of the " + std::to_string(*head_.content_length) +
             " that its Content-Length promised\n");
  fail();
}

void Answer::fail() {
  if (finished_) return;
  has_head_ = false;
  send_frames({}, wire::kLast | wire::kFailed);
  finished_ = true;
}

/// Cuts off what is beyond the promised length, and counts the rest.
std::uint64_t Answer::clip(std::span<iovec> pieces) {
  std::uint64_t size = 0;
  const std::uint64_t left = head_.content_length ? *head_.content_length - body_size_ : ~std::uint64_t{0};
  bool cut = false;
  for (iovec& piece : pieces) {
    const std::uint64_t take = std::min<std::uint64_t>(piece.iov_len, left - size);
    cut = cut || take < piece.iov_len;
    piece.iov_len = take;
    size += take;
  }
  body_size_ += size;
  if (cut && !overrun_) {
    overrun_ = true;
    log_.write("the application sent more than the " + std::to_string(*head_.content_length) +
               " bytes that its Content-Length promised; the rest was cut off\n");
  }
  return size;
}

bool Answer::send_frames(std::span<iovec> pieces, std::uint16_t last_flags) {
  do {
    if (cut_off_ || ((last_flags & wire::kFailed) == 0 && !is_wanted())) return false;
    std::array<iovec, kMostParts> parts;
    std::size_t count = 0;
    std::uint16_t flags = fill_frame(pieces, parts, count);
    if (pieces.empty()) flags |= last_flags;
    if ((flags & wire::kLast) != 0) finished_ = true;
    const std::size_t payload = size_of({parts.data(), count}) - sizeof(FrameHeader);
    transmitted_ += payload - ((flags & wire::kHead) != 0 ? head_.size : 0);
    write_frame_header(payload, flags);
    if (!transmit({parts.data(), count})) return false;
  } while (!pieces.empty());
  return true;
}

void Answer::write_frame_header(std::size_t payload, std::uint16_t flags) {
  const bool with_head = (flags & wire::kHead) != 0;
  const FrameHeader header{.sequence = sequence_,
                           .payload_size = static_cast<std::uint32_t>(payload),
                           .head_size = with_head ? head_.size : 0,
                           .status = with_head ? head_.status : std::uint16_t{0},
                           .flags = flags,
                           .place = place_};
  std::memcpy(head_bytes_.get(), &header, sizeof header);
}

/// Gathers one frame: its header and head, and as much of `pieces` as fits, which is taken off them.
std::uint16_t Answer::fill_frame(std::span<iovec>& pieces, std::array<iovec, kMostParts>& parts, std::size_t& count) {
  const bool with_head = has_head_ && !head_sent_;
  const std::size_t head_size = with_head ? head_.size : 0;
  parts[0] = {head_bytes_.get(), sizeof(FrameHeader) + head_size};
  count = 1;
  std::size_t room = wire::kMaxFrame - head_size;
  while (!pieces.empty() && room > 0 && count < kMostParts) {
    const std::size_t take = std::min(room, pieces.front().iov_len);
    if (take > 0) parts[count++] = {pieces.front().iov_base, take};
    room -= take;
    advance(pieces, take);
  }
  if (with_head) head_sent_ = true;
  return with_head ? wire::kHead : std::uint16_t{0};
}

bool Answer::transmit(std::span<iovec> parts, Descriptor file) {
  leave_if_stray();
  sending_ = true;
  const bool sent = sink_->send(parts, std::move(file));
  sending_ = false;
  if (!sent) cut_off_ = finished_ = true;
  return sent;
}

}  // namespace edge::gateway
