// Fuzz target: whatever Accept-Encoding says, what is chosen was on offer, and the same field twice says the same.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/http/accept_encoding.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using edge::Coding;
  constexpr std::array kOffered = {Coding::zstd, Coding::gzip};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  edge::Arena arena;
  edge::HeaderList headers(arena);
  headers.add(edge::HeaderName::accept_encoding, text);
  const auto chosen = edge::choose_coding(headers, kOffered);
  require(!chosen || *chosen == Coding::identity || std::ranges::find(kOffered, *chosen) != kOffered.end());

  const auto elements = static_cast<std::size_t>(std::ranges::count(text, ',')) + 1;
  constexpr std::size_t kRefused = 4;  // elements of the last field below
  if (2 * elements + kRefused > edge::kMostElements) return 0;
  headers.add(edge::HeaderName::accept_encoding, text);
  require(edge::choose_coding(headers, kOffered) == chosen);
  headers.add(edge::HeaderName::accept_encoding, "*;q=0, identity;q=0, gzip;q=0, zstd;q=0");
  require(!edge::choose_coding(headers, kOffered));
  return 0;
}
