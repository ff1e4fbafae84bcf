// keyed_hash(): SipHash-2-4, whose results nobody can foresee or steer without the key.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace edge {

using HashKey = std::array<std::uint8_t, 16>;

/// 64 bits of `text` under `key`; the same in every process and on every machine.
std::uint64_t keyed_hash(const HashKey& key, std::string_view text);

}  // namespace edge
