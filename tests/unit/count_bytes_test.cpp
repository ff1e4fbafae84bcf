// count_bytes: whole blocks and what is left of them, at every length.
#include "core/count_bytes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace edge;

TEST_CASE("bytes are counted wherever they stand") {
  const auto is_line_end = [](unsigned char c) { return (c == '\r') | (c == '\n'); };
  CHECK(count_bytes({}, is_line_end) == 0);
  for (std::size_t size = 1; size <= 100; ++size) {
    std::string text(size, 'a');
    CHECK(count_bytes(text, is_line_end) == 0);
    for (std::size_t at = 0; at < size; ++at) {
      text[at] = at % 2 == 0 ? '\r' : '\n';
      CAPTURE(size);
      REQUIRE(count_bytes(text, is_line_end) == at + 1);
    }
  }
}

TEST_CASE("bytes above 0x7f are what they are, and counts are not cut to a byte") {
  const std::string text(1000, '\xff');
  CHECK(count_bytes(text, [](unsigned char c) { return c == 0xff; }) == 1000);
  CHECK(count_bytes(text, [](unsigned char c) { return c < 0x20; }) == 0);
}
