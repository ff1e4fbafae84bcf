// AnswerFrames: every split point, and everything a worker must not say.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "appserver/answer_frames.h"

using namespace edge;

namespace {

std::string frame(wire::FrameHeader header, const std::string& payload) {
  header.payload_size = static_cast<std::uint32_t>(payload.size());
  std::string bytes(sizeof header, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes + payload;
}

/// Feeds `bytes` in pieces of `step` and writes down what came: "7:200[head]body." and "!" for failed.
std::string read(const std::string& bytes, std::size_t step) {
  AnswerFrames frames;
  std::string seen;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::string_view input = std::string_view(bytes).substr(at, step);
    while (true) {
      AnswerFrames::Piece piece;
      const AnswerFrames::Step found = frames.next(input, piece);
      if (found == AnswerFrames::Step::broken) return "broken: " + std::string(frames.why());
      if (found == AnswerFrames::Step::more) break;
      if (piece.begins) seen += std::to_string(piece.sequence) + ":" + std::to_string(piece.status);
      if (piece.begins && piece.status != 0) seen += "[";
      seen += piece.head;
      if (piece.head_complete) seen += "]";
      seen += piece.body;
      if (piece.failed) seen += "!";
      if (piece.last) seen += ".";
    }
    REQUIRE(input.empty());
  }
  return frames.inside_answer() ? seen + "…" : seen;
}

std::string read_whole(const std::string& bytes) {
  return read(bytes, bytes.size());
}

}  // namespace

TEST_CASE("answers are read the same at every split") {
  const std::string bytes =
      frame({.sequence = 7, .head_size = 4, .status = 200, .flags = wire::kHead | wire::kLast}, "headbody") +
      frame({.sequence = 8, .head_size = 4, .status = 404, .flags = wire::kHead}, "HEAD") +
      frame({.sequence = 8}, "some") + frame({.sequence = 8}, "") + frame({.sequence = 8}, "more") +
      frame({.sequence = 8, .flags = wire::kLast}, "") +
      frame({.sequence = 9, .flags = wire::kLast | wire::kFailed}, "") +
      frame({.sequence = 10, .head_size = 1, .status = 200, .flags = wire::kHead}, "h") +
      frame({.sequence = 10, .flags = wire::kLast | wire::kFailed}, "x") +
      frame({.sequence = 11, .head_size = 2, .status = 100, .flags = wire::kHead}, "hhb");
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    CAPTURE(step);
    CHECK(read(bytes, step) == "7:200[head]body.8:404[HEAD]somemore.9:0!.10:200[h]x!.11:100[hh]b…");
  }
}

TEST_CASE("what a worker must not say") {
  const std::string head = frame({.sequence = 1, .head_size = 1, .status = 200, .flags = wire::kHead}, "h");
  CHECK(read_whole(frame({.head_size = 1, .status = 200, .flags = wire::kHead}, "h")) ==
        "broken: a frame without a sequence");
  CHECK(read_whole(frame({.sequence = 1, .flags = 8}, "")) == "broken: unknown flags in a frame");
  CHECK(read_whole(frame({.sequence = 1, .flags = wire::kLast, .reserved = 1}, "")) ==
        "broken: unknown flags in a frame");
  CHECK(read_whole(frame({.sequence = 1, .flags = wire::kFailed}, "")) ==
        "broken: a failed frame that is not the last");
  CHECK(read_whole(frame({.sequence = 1, .head_size = 2, .status = 200, .flags = wire::kHead}, "h")) ==
        "broken: a head that is larger than its frame or than allowed");
  CHECK(read_whole(frame({.sequence = 1, .head_size = wire::kMaxAnswerHead + 1, .status = 200, .flags = wire::kHead},
                         std::string(wire::kMaxAnswerHead + 1, 'h'))) ==
        "broken: a head that is larger than its frame or than allowed");
  CHECK(read_whole(frame({.sequence = 1, .status = 200, .flags = wire::kHead}, "")) ==
        "broken: a head's size and its flag disagree");
  CHECK(read_whole(frame({.sequence = 1, .head_size = 1}, "h")) == "broken: a head's size and its flag disagree");
  for (const std::uint16_t status : std::initializer_list<std::uint16_t>{0, 99, 1000, 65535}) {
    CHECK(read_whole(frame({.sequence = 1, .head_size = 1, .status = status, .flags = wire::kHead}, "h")) ==
          "broken: a wrong status");
  }
  CHECK(read_whole(head + frame({.sequence = 1, .status = 200}, "")) == "broken: a wrong status");
  CHECK(read_whole(frame({.sequence = 1}, "body")) == "broken: an answer that begins without a head");
  CHECK(read_whole(frame({.sequence = 1, .flags = wire::kLast | wire::kFailed}, "body")) ==
        "broken: a body without a head");
  CHECK(read_whole(head + frame({.sequence = 2}, "body")) == "broken: a frame of another answer inside an answer");
  CHECK(read_whole(head + head) == "broken: a second head");
  std::string large = frame({.sequence = 1}, "");
  const std::uint32_t size = wire::kMaxFrame + 1;
  std::memcpy(large.data() + offsetof(wire::FrameHeader, payload_size), &size, sizeof size);
  CHECK(read_whole(large) == "broken: a frame that is too large");
}
