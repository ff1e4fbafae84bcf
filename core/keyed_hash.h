// SipHash-2-4 (Aumasson and Bernstein). Who does not know the key cannot make two texts of the same hash, nor tell
// anything of a text by its hash.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace edge {

using HashKey = std::array<std::uint8_t, 16>;

/// 64 bits of `text` under `key`; the same in every process and on every machine.
std::uint64_t keyed_hash(const HashKey& key, std::string_view text);

/// 128 bits: so many that a table may keep the hash in the place of a text that a client chose.
class KeyedHash {
 public:
  struct Digest {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    bool operator==(const Digest&) const = default;
  };

  /// With a key from the kernel, which nobody else knows. Ends the process when the kernel gives none.
  KeyedHash();
  /// With a given one.
  explicit KeyedHash(std::array<std::uint64_t, 2> key) : key_(key) {}

  /// From any thread.
  Digest operator()(std::string_view text) const;

 private:
  std::array<std::uint64_t, 2> key_{};
};

}  // namespace edge
