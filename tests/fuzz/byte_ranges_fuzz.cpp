// Fuzz target: ranges lie within the content, stand apart, are few, and are no more than the content.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "static/byte_ranges.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(std::span<const edge::ByteRange> ranges, std::uint64_t size) {
  require(!ranges.empty() && ranges.size() <= edge::ByteRanges::kMostSent);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    require(ranges[i].length > 0 && ranges[i].first < size && ranges[i].length <= size - ranges[i].first);
    sum += ranges[i].length;
    for (std::size_t other = 0; other < i; ++other) {
      const bool before = ranges[other].first + ranges[other].length < ranges[i].first;
      require(before || ranges[i].first + ranges[i].length < ranges[other].first);
    }
  }
  require(sum <= size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint64_t content = 0;
  if (size < sizeof content) return 0;
  std::memcpy(&content, data, sizeof content);
  const std::string_view header(reinterpret_cast<const char*>(data) + sizeof content, size - sizeof content);
  const edge::ByteRanges selected = edge::ByteRanges::select(header, content);
  if (selected.outcome() == edge::ByteRanges::Outcome::some)
    check(selected.ranges(), content);
  else
    require(selected.ranges().empty());
  return 0;
}
