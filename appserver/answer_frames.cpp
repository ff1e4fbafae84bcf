// The frame reader's few states: a header, then its payload's head, then its payload's body.
#include "appserver/answer_frames.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace edge {

namespace {

std::string_view take(std::string_view& input, std::size_t& left) {
  const std::string_view taken = input.substr(0, std::min(input.size(), left));
  input.remove_prefix(taken.size());
  left -= taken.size();
  return taken;
}

}  // namespace

bool AnswerFrames::read_header(std::string_view& input) {
  const std::size_t size = std::min(input.size(), header_bytes_.size() - header_size_);
  std::memcpy(header_bytes_.data() + header_size_, input.data(), size);
  input.remove_prefix(size);
  header_size_ += size;
  return header_size_ == header_bytes_.size();
}

/// Whoever reads looks at the ring after each read.
bool AnswerFrames::is_announcement() const {
  constexpr wire::FrameHeader kAnnouncement{.flags = wire::kRing};
  return std::memcmp(header_bytes_.data(), &kAnnouncement, sizeof kAnnouncement) == 0;
}

AnswerFrames::Step AnswerFrames::check_header() {
  std::memcpy(&header_, header_bytes_.data(), sizeof header_);
  constexpr std::uint16_t kKnown = wire::kHead | wire::kLast | wire::kFailed | wire::kFile;
  const bool head = (header_.flags & wire::kHead) != 0;
  const bool failed = (header_.flags & wire::kFailed) != 0;
  if (header_.sequence == 0) return broken("a frame without a sequence");
  if ((header_.flags & ~kKnown) != 0) return broken("unknown flags in a frame");
  if (failed && (header_.flags & wire::kLast) == 0) return broken("a failed frame that is not the last");
  if (header_.payload_size > wire::kMaxFrame) return broken("a frame that is too large");
  if (header_.head_size > wire::kMaxAnswerHead || header_.head_size > header_.payload_size) {
    return broken("a head that is larger than its frame or than allowed");
  }
  if (head != (header_.head_size > 0)) return broken("a head's size and its flag disagree");
  if ((header_.flags & wire::kFile) != 0 && !check_file()) return broken("a file that is not the whole of an answer");
  if (head ? header_.status < 100 || header_.status > 999 : header_.status != 0) return broken("a wrong status");
  head_left_ = header_.head_size;
  body_left_ = header_.payload_size - header_.head_size;
  return Step::piece;
}

/// A file comes in one frame with its head, and with nothing beside the description of its part.
bool AnswerFrames::check_file() {
  constexpr std::uint16_t kWholeFile = wire::kHead | wire::kLast | wire::kFile;
  return header_.flags == kWholeFile && header_.payload_size - header_.head_size == sizeof(wire::FilePart);
}

void AnswerFrames::take_body(std::string_view& input, Piece& piece) {
  const std::size_t at = part_bytes_.size() - std::min(body_left_, part_bytes_.size());
  const std::string_view taken = take(input, body_left_);
  if ((header_.flags & wire::kFile) == 0) {
    piece.body = taken;
    return;
  }
  std::ranges::copy(taken, part_bytes_.begin() + static_cast<std::ptrdiff_t>(at));
  if (body_left_ == 0) std::memcpy(&piece.file.emplace(), part_bytes_.data(), part_bytes_.size());
}

AnswerFrames::Step AnswerFrames::next(std::string_view& input, Piece& piece) {
  while (header_size_ < header_bytes_.size()) {
    if (!read_header(input)) return Step::more;
    if (is_announcement()) {
      header_size_ = 0;
    } else if (check_header() == Step::broken) {
      return Step::broken;
    }
  }
  if (input.empty() && head_left_ + body_left_ > 0) return Step::more;
  piece = {};
  piece.sequence = header_.sequence;
  piece.place = header_.place;
  piece.status = header_.status;
  piece.opens = !std::exchange(opened_, true);
  const bool in_head = head_left_ > 0;
  const bool is_file = (header_.flags & wire::kFile) != 0;
  piece.head = take(input, head_left_);
  if (head_left_ == 0) take_body(input, piece);
  piece.head_complete = is_file ? piece.file.has_value() : in_head && head_left_ == 0;
  if (head_left_ + body_left_ == 0) {
    header_size_ = 0;
    opened_ = false;
    piece.last = (header_.flags & wire::kLast) != 0;
    piece.failed = (header_.flags & wire::kFailed) != 0;
  }
  return Step::piece;
}

}  // namespace edge
