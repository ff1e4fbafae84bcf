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

/// Feeds `bytes` in pieces of `step` and writes down what came: "7:200[head]body.", "!" for failed, "<3+5>" for a file.
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
      if (piece.opens) seen += std::to_string(piece.sequence) + "@" + std::to_string(piece.place) + ":";
      if (piece.opens && piece.status != 0) seen += std::to_string(piece.status) + "[";
      seen += piece.head;
      if (piece.head_complete) seen += "]";
      seen += piece.body;
      if (piece.failed) seen += "!";
      if (piece.file) seen += "<" + std::to_string(piece.file->offset) + "+" + std::to_string(piece.file->length) + ">";
      if (piece.last) seen += ".";
    }
    REQUIRE(input.empty());
  }
  return seen;
}

std::string part_bytes(wire::FilePart part) {
  std::string bytes(sizeof part, '\0');
  std::memcpy(bytes.data(), &part, sizeof part);
  return bytes;
}

constexpr std::uint16_t kWholeFile = wire::kHead | wire::kLast | wire::kFile;

std::string read_whole(const std::string& bytes) {
  return read(bytes, bytes.size());
}

}  // namespace

TEST_CASE("answers are read the same at every split") {
  const std::string bytes =
      frame({.sequence = 7, .head_size = 4, .status = 200, .flags = wire::kHead | wire::kLast}, "headbody") +
      frame({.sequence = 8, .head_size = 4, .status = 404, .flags = wire::kHead, .place = 5}, "HEAD") +
      frame({.sequence = 9, .flags = wire::kLast | wire::kFailed}, "") + frame({.sequence = 8, .place = 5}, "some") +
      frame({.sequence = 8, .place = 5}, "") + frame({.sequence = 8, .place = 5}, "more") +
      frame({.sequence = 8, .flags = wire::kLast, .place = 5}, "") +
      frame({.sequence = 10, .head_size = 1, .status = 200, .flags = wire::kHead}, "h") +
      frame({.sequence = 10, .flags = wire::kLast | wire::kFailed}, "x") +
      frame({.sequence = 11, .head_size = 2, .status = 100, .flags = wire::kHead}, "hhb");
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    CAPTURE(step);
    CHECK(read(bytes, step) ==
          "7@0:200[head]body.8@5:404[HEAD]9@0:!.8@5:some8@5:8@5:more8@5:.10@0:200[h]10@0:x!.11@0:100[hh]b");
  }
}

TEST_CASE("a word about the ring is no part of an answer, wherever it stands between frames") {
  const std::string word = frame({.flags = wire::kRing}, "");
  const std::string answer =
      frame({.sequence = 7, .head_size = 4, .status = 200, .flags = wire::kHead | wire::kLast}, "headbody");
  std::string many;
  for (int i = 0; i < 5000; ++i) many += word;
  CHECK(read_whole(word) == "");
  CHECK(read_whole(word + answer + many + answer + word) == "7@0:200[head]body.7@0:200[head]body.");
}

TEST_CASE("what a worker must not say") {
  const std::string head = frame({.sequence = 1, .head_size = 1, .status = 200, .flags = wire::kHead}, "h");
  CHECK(read_whole(frame({.head_size = 1, .status = 200, .flags = wire::kHead}, "h")) ==
        "broken: a frame without a sequence");
  CHECK(read_whole(frame({.sequence = 1, .flags = 32}, "")) == "broken: unknown flags in a frame");
  CHECK(read_whole(frame({.sequence = 1, .flags = wire::kRing}, "")) == "broken: unknown flags in a frame");
  CHECK(read_whole(frame({.flags = wire::kRing | wire::kLast}, "")) == "broken: a frame without a sequence");
  CHECK(read_whole(frame({.flags = wire::kRing, .place = 1}, "")) == "broken: a frame without a sequence");
  CHECK(read_whole(frame({.sequence = 1, .flags = wire::kLast | 64}, "")) == "broken: unknown flags in a frame");
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
  std::string large = frame({.sequence = 1}, "");
  const std::uint32_t size = wire::kMaxFrame + 1;
  std::memcpy(large.data() + offsetof(wire::FrameHeader, payload_size), &size, sizeof size);
  CHECK(read_whole(large) == "broken: a frame that is too large");
}

TEST_CASE("a file is read the same at every split") {
  const std::string bytes =
      frame({.sequence = 7, .head_size = 4, .status = 200, .flags = kWholeFile}, "head" + part_bytes({3, 1ULL << 40})) +
      frame({.sequence = 8, .head_size = 1, .status = 206, .flags = kWholeFile}, "h" + part_bytes({0, 0})) +
      frame({.sequence = 9, .head_size = 1, .status = 200, .flags = wire::kHead | wire::kLast}, "hbody");
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    CAPTURE(step);
    CHECK(read(bytes, step) == "7@0:200[head]<3+1099511627776>.8@0:206[h]<0+0>.9@0:200[h]body.");
  }
}

TEST_CASE("a file is a whole answer, or the worker is wrong") {
  const std::string part = part_bytes({0, 1});
  const std::string wrong = "broken: a file that is not the whole of an answer";
  for (const std::uint16_t flags : std::initializer_list<std::uint16_t>{
           wire::kFile, wire::kFile | wire::kHead, wire::kFile | wire::kLast, kWholeFile | wire::kFailed}) {
    CAPTURE(flags);
    CHECK(read_whole(frame({.sequence = 1, .head_size = 1, .status = 200, .flags = flags}, "h" + part))
              .starts_with("broken"));
  }
  for (const std::string& payload : {std::string("h"), "h" + part.substr(1), "h" + part + "b"}) {
    CHECK(read_whole(frame({.sequence = 1, .head_size = 1, .status = 200, .flags = kWholeFile}, payload)) == wrong);
  }
  CHECK(read_whole(frame({.sequence = 1, .status = 200, .flags = kWholeFile}, part)) ==
        "broken: a head's size and its flag disagree");
  const std::string begun = frame({.sequence = 1, .head_size = 1, .status = 200, .flags = wire::kHead}, "h");
  CHECK(read_whole(begun + frame({.sequence = 1, .flags = wire::kFile | wire::kLast}, part)) == wrong);
}

TEST_CASE("which frame a descriptor may belong to") {
  const auto may_bring = [](const std::string& bytes) {
    AnswerFrames frames;
    std::string_view input = bytes;
    AnswerFrames::Piece piece;
    while (frames.next(input, piece) == AnswerFrames::Step::piece) {
    }
    return frames.may_bring_file();
  };
  const std::string file =
      frame({.sequence = 1, .head_size = 1, .status = 200, .flags = kWholeFile}, "h" + part_bytes({0, 1}));
  const std::string text = frame({.sequence = 2, .head_size = 1, .status = 200, .flags = wire::kHead}, "hbody");
  CHECK_FALSE(may_bring(""));
  CHECK(may_bring(file.substr(0, 1)));
  CHECK(may_bring(file.substr(0, sizeof(wire::FrameHeader) + 2)));
  CHECK_FALSE(may_bring(file));
  CHECK(may_bring(file + text.substr(0, 5)));
  CHECK_FALSE(may_bring(file + text.substr(0, sizeof(wire::FrameHeader) + 1)));
}
