// SipHash-2-4 against the vectors that other programs agree on (those of its authors, as `openssl mac SIPHASH` says
// them).
#include "core/keyed_hash.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

using namespace edge;

TEST_CASE("keyed hash: the vectors of its authors") {
  const KeyedHash hash({0x0706050403020100, 0x0f0e0d0c0b0a0908});
  const auto counting = [](char size) {
    std::string text;
    for (char c = 0; c < size; ++c) text.push_back(c);
    return text;
  };
  constexpr std::pair<char, KeyedHash::Digest> kVectors[] = {
      {0, {0xe6a825ba047f81a3, 0x930255c71472f66d}},  {1, {0x44af996bd8c187da, 0x45fc229b11597634}},
      {7, {0x53c1dbd8beebf1a1, 0x3982f01fa64ab8c0}},  {8, {0x61f55862baa9623b, 0xb49714f364e2830f}},
      {9, {0xabbad90a06994426, 0xed716dbb028b7fc4}},  {16, {0xbb54b067caa4e26e, 0x77052385bf1533fd}},
      {63, {0x4a83502f77d15051, 0x7cbd3f979a063e50}},
  };
  for (const auto& [size, digest] : kVectors) {
    CAPTURE(static_cast<int>(size));
    CHECK((hash(counting(size)) == digest));
  }
}

TEST_CASE("keyed hash: each has a key of its own") {
  const KeyedHash one;
  const KeyedHash other;
  CHECK((one("text") == one("text")));
  CHECK_FALSE((one("text") == other("text")));
  CHECK_FALSE((one("text") == one("text2")));
}

TEST_CASE("SipHash-2-4 gives what its authors' reference gives") {
  HashKey key{};
  for (std::uint8_t i = 0; i < 16; ++i) key[i] = i;
  std::string text;
  for (char c = 0; c < 15; ++c) text.push_back(c);
  CHECK(keyed_hash(key, "") == 0x726fdb47dd0e0e31);
  CHECK(keyed_hash(key, std::string_view(text).substr(0, 1)) == 0x74f839c593dc67fd);
  CHECK(keyed_hash(key, std::string_view(text).substr(0, 8)) == 0x93f5f5799a932462);
  CHECK(keyed_hash(key, text) == 0xa129ca6149be45e5);
}

TEST_CASE("another key or another text is another hash") {
  HashKey key{};
  const std::uint64_t one = keyed_hash(key, "10.0.0.5:8000");
  CHECK(one != keyed_hash(key, "10.0.0.5:8001"));
  key[15] = 1;
  CHECK(one != keyed_hash(key, "10.0.0.5:8000"));
}
