// keyed_hash(): the vectors that SipHash's authors publish.
#include "core/keyed_hash.h"

#include <doctest/doctest.h>

#include <string>

using namespace edge;

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
