// SipHash: two rounds for each word of eight bytes, four at the end, and four more for the second half of a wide
// result.
#include "core/keyed_hash.h"

#include <unistd.h>

#include <bit>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace edge {

namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);
static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

std::uint64_t word_of(const void* from, std::size_t size) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, size);
  return word;
}

class State {
 public:
  State(std::uint64_t low, std::uint64_t high)
      : v0_(0x736f6d6570736575 ^ low),
        v1_(0x646f72616e646f6d ^ high),
        v2_(0x6c7967656e657261 ^ low),
        v3_(0x7465646279746573 ^ high) {}

  void widen() { v1_ ^= 0xee; }
  void take_all(std::string_view text) {
    const std::uint64_t size = text.size();
    for (; text.size() >= kWord; text.remove_prefix(kWord)) take(word_of(text.data(), kWord));
    take(size << 56U | (text.empty() ? 0 : word_of(text.data(), text.size())));
  }
  std::uint64_t narrow_end() {
    v2_ ^= 0xff;
    return half();
  }
  KeyedHash::Digest wide_end() {
    KeyedHash::Digest digest;
    v2_ ^= 0xee;
    digest.first = half();
    v1_ ^= 0xdd;
    digest.second = half();
    return digest;
  }

 private:
  void take(std::uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }
  void round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }
  std::uint64_t half() {
    for (int i = 0; i < 4; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

  std::uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace

std::uint64_t keyed_hash(const HashKey& key, std::string_view text) {
  State state(word_of(key.data(), kWord), word_of(key.data() + kWord, kWord));
  state.take_all(text);
  return state.narrow_end();
}

KeyedHash::KeyedHash() {
  if (getentropy(key_.data(), sizeof key_) == 0) return;
  std::perror("edge: no random numbers from the kernel");
  std::abort();
}

KeyedHash::Digest KeyedHash::operator()(std::string_view text) const {
  State state(key_[0], key_[1]);
  state.widen();
  state.take_all(text);
  return state.wide_end();
}

}  // namespace edge
