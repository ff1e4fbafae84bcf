// Byte ranges (RFC 9110 14.1.2): what a Range header asks for of a content of known size. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace edge {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t length = 0;  // at least 1
};

class ByteRanges {
 public:
  static constexpr std::size_t kMostAsked = 100;  // in one header; more is an attack, not a reader
  static constexpr std::size_t kMostSent = 16;    // after coalescing

  enum class Outcome : std::uint8_t {
    whole,          // there is nothing to heed: the whole content, 200
    some,           // ranges() has at least one: 206
    unsatisfiable,  // none of them begins within the content: 416
  };

  /// `header` is the value of Range, `size` that of the content in bytes. Another unit than bytes, a fault of syntax,
  /// more than kMostAsked ranges, more than kMostSent that do not touch, and ranges that overlap so much that their sum
  /// exceeds `size` are not heeded, nor is any header where there is no content. Ranges that overlap or adjoin become
  /// one, in the place of the first of them; the others keep their order (RFC 9110 15.3.7.2).
  static ByteRanges select(std::string_view header, std::uint64_t size);

  Outcome outcome() const { return outcome_; }
  std::span<const ByteRange> ranges() const { return {ranges_.data(), count_}; }

 private:
  Outcome outcome_ = Outcome::whole;
  std::size_t count_ = 0;
  std::array<ByteRange, kMostSent> ranges_;
};

}  // namespace edge
