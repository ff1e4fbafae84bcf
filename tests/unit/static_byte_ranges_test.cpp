// Byte ranges: the forms and faults of RFC 9110 14 as tables, and a slow model that counts every byte.
#include "static/byte_ranges.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using edge::ByteRange;
using edge::ByteRanges;

namespace {

/// "whole", "none", or the ranges as "0-4 7-9".
std::string select(std::string_view header, std::uint64_t size = 10) {
  const ByteRanges selected = ByteRanges::select(header, size);
  if (selected.outcome() == ByteRanges::Outcome::whole) return "whole";
  if (selected.outcome() == ByteRanges::Outcome::unsatisfiable) return "none";
  std::string text;
  for (const ByteRange& range : selected.ranges()) {
    text +=
        (text.empty() ? "" : " ") + std::to_string(range.first) + "-" + std::to_string(range.first + range.length - 1);
  }
  return text;
}

struct Asked {
  int first;  // -1: none, the suffix of `last` bytes
  int last;   // -1: open
};

std::string written(const std::vector<Asked>& asked) {
  std::string header = "bytes=";
  for (const Asked& range : asked) {
    if (header.back() != '=') header += ',';
    if (range.first >= 0) header += std::to_string(range.first);
    header += '-';
    if (range.last >= 0) header += std::to_string(range.last);
  }
  return header;
}

/// What is asked for, byte by byte: groups of touching ranges by the first that was asked.
std::string by_model(const std::vector<Asked>& asked, int size) {
  std::vector<std::vector<bool>> sets;
  int sum = 0;
  for (const Asked& range : asked) {
    const int from = range.first >= 0 ? range.first : std::max(0, size - range.last);
    const int to = range.first >= 0 && range.last >= 0 ? std::min(range.last, size - 1) : size - 1;
    std::vector<bool> set(static_cast<std::size_t>(size) + 2);  // one more at each end, to see what adjoins
    for (int i = from; i <= to; ++i) set[static_cast<std::size_t>(i) + 1] = true;
    if (from > to) continue;
    sum += to - from + 1;
    sets.push_back(set);
  }
  if (sets.empty()) return "none";
  if (sum > size) return "whole";
  std::vector<bool> all(static_cast<std::size_t>(size) + 2);
  for (const auto& set : sets) {
    for (std::size_t i = 0; i < set.size(); ++i) all[i] = all[i] || set[i];
  }
  std::string text;
  for (const auto& set : sets) {
    std::size_t first = static_cast<std::size_t>(std::ranges::find(set, true) - set.begin());
    if (!all[first]) continue;  // of a group that was written already
    std::size_t last = first;
    while (all[first - 1]) --first;
    while (all[last + 1]) ++last;
    std::fill(all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(last) + 1,
              false);
    text += (text.empty() ? "" : " ") + std::to_string(first - 1) + "-" + std::to_string(last - 1);
  }
  return text;
}

}  // namespace

TEST_CASE("byte ranges: first and last, open, and suffix") {
  CHECK(select("bytes=0-0") == "0-0");
  CHECK(select("bytes=2-5") == "2-5");
  CHECK(select("bytes=2-") == "2-9");
  CHECK(select("bytes=0-") == "0-9");
  CHECK(select("bytes=-3") == "7-9");
  CHECK(select("bytes=-10") == "0-9");
  CHECK(select("bytes=-11") == "0-9");
  CHECK(select("bytes=9-99") == "9-9");
  CHECK(select("BYTES=1-1") == "1-1");
  CHECK(select("bytes= 1-1") == "1-1");
  CHECK(select("bytes=1-99999999999999999999999999") == "1-9");
  CHECK(select("bytes=-99999999999999999999999999") == "0-9");
  CHECK(select("bytes=00001-00002") == "1-2");
  constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  CHECK(select("bytes=18446744073709551613-", kHuge) == "18446744073709551613-18446744073709551614");
  CHECK(select("bytes=0-,-1", kHuge) == "whole");
}

TEST_CASE("byte ranges: several, in the order in which they were asked") {
  CHECK(select("bytes=0-1,4-5") == "0-1 4-5");
  CHECK(select("bytes=4-5, 0-1") == "4-5 0-1");
  CHECK(select("bytes= ,4-5 ,\t0-1,,") == "4-5 0-1");
  CHECK(select("bytes=0-1,99-100,4-5") == "0-1 4-5");
  CHECK(select("bytes=-2,0-0") == "8-9 0-0");
}

TEST_CASE("byte ranges: what overlaps or adjoins is one, in the place of the first") {
  CHECK(select("bytes=0-1,2-3") == "0-3");
  CHECK(select("bytes=2-3,0-1") == "0-3");
  CHECK(select("bytes=0-3,2-5") == "0-5");
  CHECK(select("bytes=0-0,8-8,1-1") == "0-1 8-8");
  CHECK(select("bytes=8-8,0-0,4-4,1-3") == "8-8 0-4");
  CHECK(select("bytes=0-4,5-") == "0-9");
}

TEST_CASE("byte ranges: what is no range of bytes is not heeded") {
  for (const std::string_view header : {"",           "bytes",       "bytes=",      "bytes=,",       "bytes =0-1",
                                        "lines=0-1",  "bytes:0-1",   "bytes=a-b",   "bytes=1",       "bytes=-",
                                        "bytes=--1",  "bytes=1-0",   "bytes=0-1-2", "bytes=0 - 1",   "bytes=0-1;2-3",
                                        "bytes=+0-1", "bytes=0x0-1", "bytes=0-1,x", "bytes=5-4,0-1", "none"}) {
    CAPTURE(header);
    CHECK(select(header) == "whole");
  }
}

TEST_CASE("byte ranges: what begins beyond the content cannot be had") {
  CHECK(select("bytes=10-") == "none");
  CHECK(select("bytes=10-20, 30-") == "none");
  CHECK(select("bytes=-0") == "none");
  CHECK(select("bytes=99999999999999999999999999-") == "none");
  CHECK(select("bytes=0-", 0) == "whole");
  CHECK(select("bytes=-1", 0) == "whole");
}

TEST_CASE("byte ranges: sets that are absurd get the whole") {
  CHECK(select("bytes=0-,0-") == "whole");
  CHECK(select("bytes=0-8,0-1") == "whole");
  std::string apart = "bytes=0-0";
  for (int i = 1; i < 16; ++i) apart += "," + std::to_string(2 * i) + "-" + std::to_string(2 * i);
  CHECK(ByteRanges::select(apart, 100).ranges().size() == ByteRanges::kMostSent);
  CHECK(select(apart + ",50-50", 100) == "whole");
  std::string touching = "bytes=0-0";
  for (int i = 1; i < 100; ++i) touching += "," + std::to_string(i) + "-" + std::to_string(i);
  CHECK(select(touching, 1'000) == "0-99");
  CHECK(select(touching + ",100-100", 1'000) == "whole");
}

TEST_CASE("byte ranges: as a model that counts every byte") {
  std::minstd_rand random(20'261'121);
  const auto upto = [&random](int most) { return std::uniform_int_distribution(0, most)(random); };
  for (int round = 0; round < 20'000; ++round) {
    const int size = 1 + upto(30);
    std::vector<Asked> asked(static_cast<std::size_t>(1 + upto(5)));
    for (Asked& range : asked) {
      const int kind = upto(9);
      const int first = upto(size + 3);
      range = kind == 0 ? Asked{-1, upto(size / 2)} : Asked{first, kind == 1 ? -1 : first + upto(4)};
    }
    const std::string header = written(asked);
    CAPTURE(header);
    CAPTURE(size);
    CHECK(select(header, static_cast<std::uint64_t>(size)) == by_model(asked, size));
  }
}
