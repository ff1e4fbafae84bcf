// Counting the bytes of a kind, many at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace edge {

/// How many bytes of `text` are of a kind, which a space is not. `is_one` gives 0 or 1 for an unsigned char, without a
/// branch: over blocks of one size the compiler then asks for sixteen bytes at once.
template <class IsOne>
std::size_t count_bytes(std::string_view text, IsOne is_one) {
  constexpr std::size_t kBlock = 32;
  const auto count_block = [is_one](const char* block) {
    std::uint8_t count = 0;  // as narrow as what is counted
    for (std::size_t i = 0; i < kBlock; ++i) {
      count += static_cast<std::uint8_t>(is_one(static_cast<unsigned char>(block[i])));
    }
    return count;
  };
  std::size_t count = 0;
  for (; text.size() >= kBlock; text.remove_prefix(kBlock)) count += count_block(text.data());
  char last[kBlock];
  std::memset(last, ' ', kBlock);
  if (!text.empty()) std::memcpy(last, text.data(), text.size());
  return count + count_block(last);
}

}  // namespace edge
