// Fuzz target: answer frames are read alike whole and in pieces, and never beyond what they announce.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "appserver/answer_frames.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// What was said, one letter for each event, with head and body as they came.
std::string read(std::string_view bytes, std::size_t step) {
  edge::AnswerFrames frames;
  std::string seen;
  bool head_open = false;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::string_view input = bytes.substr(at, step);
    for (;;) {
      edge::AnswerFrames::Piece piece;
      const auto found = frames.next(input, piece);
      if (found == edge::AnswerFrames::Step::broken) return seen + "broken " + std::string(frames.why());
      if (found == edge::AnswerFrames::Step::more) break;
      if (piece.opens) seen += "frame " + std::to_string(piece.sequence) + " " + std::to_string(piece.place) + " ";
      if (piece.opens) seen += std::to_string(piece.status) + " ";
      if (piece.opens) head_open = piece.status != 0;
      require(head_open || piece.head.empty());
      seen += piece.head;
      if (piece.head_complete) head_open = false;
      require(!head_open || piece.body.empty());
      seen += piece.body;
      require(piece.last || !piece.failed);
      if (piece.file) {
        require(piece.last && !piece.failed && piece.body.empty());
        seen += "file " + std::to_string(piece.file->offset) + " " + std::to_string(piece.file->length) + " ";
      }
      if (piece.last) seen += piece.failed ? "failed " : "last ";
    }
    require(input.empty());
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read(bytes, std::max<std::size_t>(size, 1));
  require(read(bytes, 1) == whole);
  require(read(bytes, 7) == whole);
  return 0;
}
