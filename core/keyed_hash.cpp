// SipHash-2-4 as its authors describe it ("SipHash: a fast short-input PRF", Aumasson and Bernstein, 2012).
#include "core/keyed_hash.h"

#include <bit>
#include <cstddef>

namespace edge {
namespace {

template <class Byte>
std::uint64_t little_endian(const Byte* from, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t{static_cast<std::uint8_t>(from[i])} << (8 * i);
  return value;
}

struct State {
  std::uint64_t a, b, c, d;

  State(std::uint64_t low, std::uint64_t high)
      : a(low ^ 0x736f6d6570736575),
        b(high ^ 0x646f72616e646f6d),
        c(low ^ 0x6c7967656e657261),
        d(high ^ 0x7465646279746573) {}

  void round() {
    a += b;
    c += d;
    b = std::rotl(b, 13) ^ a;
    d = std::rotl(d, 16) ^ c;
    a = std::rotl(a, 32);
    c += b;
    a += d;
    b = std::rotl(b, 17) ^ c;
    d = std::rotl(d, 21) ^ a;
    c = std::rotl(c, 32);
  }

  void take(std::uint64_t word) {
    d ^= word;
    round();
    round();
    a ^= word;
  }
};

}  // namespace

std::uint64_t keyed_hash(const HashKey& key, std::string_view text) {
  State state(little_endian(key.data(), 8), little_endian(key.data() + 8, 8));
  const std::uint64_t size = text.size();
  for (; text.size() >= 8; text.remove_prefix(8)) state.take(little_endian(text.data(), 8));
  state.take(size << 56U | little_endian(text.data(), text.size()));
  state.c ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace edge
