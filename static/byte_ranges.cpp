// Reading range specifications, and joining those that touch.
#include "static/byte_ranges.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "core/http/header_list.h"

namespace edge {

namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// What is too large for 64 bits lies beyond the end of every file, as the largest number does.
std::optional<std::uint64_t> parse_position(std::string_view digits) {
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kMost - digit) / 10) return kMost;
    value = value * 10 + digit;
  }
  return value;
}

/// One specification as it falls on a content; of length 0 when it falls beyond. Nothing: it is none.
std::optional<ByteRange> parse_range(std::string_view text, std::uint64_t size) {
  const std::size_t dash = text.find('-');
  if (dash == text.npos) return std::nullopt;
  const std::optional<std::uint64_t> from = parse_position(text.substr(0, dash));
  const std::optional<std::uint64_t> to = parse_position(text.substr(dash + 1));
  if (dash == 0) {
    if (!to) return std::nullopt;
    const std::uint64_t length = std::min(*to, size);
    return ByteRange{size - length, length};
  }
  const bool open = dash + 1 == text.size();
  if (!from || (!open && (!to || *to < *from))) return std::nullopt;
  if (*from >= size) return ByteRange{};
  const std::uint64_t last = open ? size - 1 : std::min(*to, size - 1);
  return ByteRange{*from, last - *from + 1};
}

bool touch(const ByteRange& a, const ByteRange& b) {
  return a.first <= b.first + b.length && b.first <= a.first + a.length;
}

ByteRange joined(const ByteRange& a, const ByteRange& b) {
  const std::uint64_t first = std::min(a.first, b.first);
  return {first, std::max(a.first + a.length, b.first + b.length) - first};
}

/// The ranges as they were asked for.
struct Asked {
  std::size_t count = 0;
  std::array<ByteRange, ByteRanges::kMostAsked> ranges;

  bool read(std::string_view list, std::uint64_t size);
  void coalesce();
};

/// False when the header is not to be heeded.
bool Asked::read(std::string_view list, std::uint64_t size) {
  std::size_t specified = 0;
  std::uint64_t sum = 0;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view text = trimmed(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (text.empty()) continue;
    const std::optional<ByteRange> range = parse_range(text, size);
    if (!range || ++specified > ranges.size()) return false;
    if (range->length == 0) continue;
    if (range->length > size - sum) return false;
    sum += range->length;
    ranges[count++] = *range;
  }
  return specified > 0;
}

/// The sum of the lengths is at most the size, so no end of a range overflows. What a range grows by may touch others
/// that stood apart before: each is compared until none touches any more.
void Asked::coalesce() {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t other = i + 1; other < count;) {
      if (!touch(ranges[i], ranges[other])) {
        ++other;
        continue;
      }
      ranges[i] = joined(ranges[i], ranges[other]);
      for (std::size_t at = other + 1; at < count; ++at) ranges[at - 1] = ranges[at];
      --count;
      other = i + 1;
    }
  }
}

}  // namespace

ByteRanges ByteRanges::select(std::string_view header, std::uint64_t size) {
  ByteRanges result;
  const std::size_t equals = header.find('=');
  if (size == 0 || equals == header.npos || !same_name(header.substr(0, equals), "bytes")) return result;
  Asked asked;
  if (!asked.read(header.substr(equals + 1), size)) return result;
  asked.coalesce();
  if (asked.count > kMostSent) return result;
  result.outcome_ = asked.count == 0 ? Outcome::unsatisfiable : Outcome::some;
  result.count_ = asked.count;
  std::copy_n(asked.ranges.begin(), asked.count, result.ranges_.begin());
  return result;
}

}  // namespace edge
