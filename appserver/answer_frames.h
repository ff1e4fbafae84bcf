// AnswerFrames: reads the frames of one answers channel (appserver/wire.h) from whatever pieces arrive. Bytes in,
// views out; no socket. The bytes come from a worker, so nothing in them is believed. What the frames of one answer
// must be to one another is for its AppCall to judge: an ASGI app mixes those of many.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "appserver/wire.h"

namespace edge {

class AnswerFrames {
 public:
  /// What one step found; the views point into the input.
  struct Piece {
    std::uint64_t sequence = 0;
    std::uint32_t place = 0;
    bool opens = false;                  // the first piece of a frame
    int status = 0;                      // in the pieces of a frame with a head; else 0
    std::string_view head;               // some bytes of the head
    bool head_complete = false;          // with those the head is whole, and a file is here with it
    std::string_view body;               // some bytes of the body
    bool last = false;                   // the answer is complete
    bool failed = false;                 // with last: the app failed
    std::optional<wire::FilePart> file;  // with last: the body is that part of the file that came with the frame
  };
  enum class Step : std::uint8_t {
    piece,
    more,    // the input is used up
    broken,  // the worker does not speak the protocol; why() says how. Nothing may be read after it.
  };

  /// Consumes from the front of `input`.
  Step next(std::string_view& input, Piece& piece);
  std::string_view why() const { return why_; }
  /// A descriptor that came with what was read so far and belongs to no answer yet can belong to the frame that is
  /// being read: that is a file's, or too short as yet to tell.
  bool may_bring_file() const {
    return header_size_ > 0 && (header_size_ < header_bytes_.size() || (header_.flags & wire::kFile) != 0);
  }

 private:
  bool read_header(std::string_view& input);
  bool is_announcement() const;
  Step check_header();
  bool check_file();
  void take_body(std::string_view& input, Piece& piece);
  Step broken(std::string_view why) {
    why_ = why;
    return Step::broken;
  }

  std::array<char, sizeof(wire::FrameHeader)> header_bytes_;
  std::size_t header_size_ = 0;  // bytes of the header that came; all of them: its payload is being read
  wire::FrameHeader header_;
  std::size_t head_left_ = 0;
  std::size_t body_left_ = 0;
  std::array<char, sizeof(wire::FilePart)> part_bytes_;  // of a file's frame, instead of a body
  bool opened_ = false;                                  // a piece of the frame was told
  std::string_view why_;
};

}  // namespace edge
