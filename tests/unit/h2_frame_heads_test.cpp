// The count of frames, whatever way their bytes are split.
#include "core/http/h2_frame_heads.h"

#include <doctest/doctest.h>

#include <string>

using edge::H2FrameHeads;

namespace {

std::string frame(std::size_t length) {
  return std::string(1, '\0') + static_cast<char>(length >> 8U) + static_cast<char>(length) + std::string(6, '\7') +
         std::string(length, 'x');
}

}  // namespace

TEST_CASE("frames are counted when their heads are complete, at every split") {
  const std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(0) + frame(300) + frame(5) + frame(0);
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    H2FrameHeads heads;
    const std::size_t first = heads.count(bytes.substr(0, split));
    REQUIRE(first + heads.count(bytes.substr(split)) == 4);
  }
  H2FrameHeads heads;
  std::size_t one_by_one = 0;
  for (const char byte : bytes) one_by_one += heads.count({&byte, 1});
  CHECK(one_by_one == 4);
  CHECK(heads.count(frame(7).substr(0, 8)) == 0);
  CHECK(heads.count("\7") == 1);
}
