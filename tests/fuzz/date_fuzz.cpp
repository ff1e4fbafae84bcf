// Fuzz target: whatever is read as an HTTP date is written as one that reads the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/http/date.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto seconds = edge::parse_http_date(text, 1'780'000'000);
  if (!seconds) return 0;
  char written[edge::kHttpDateSize];
  edge::format_http_date(*seconds, written);
  // The leap second of 9999-12-31 is the one moment that has no date of its own.
  if (*seconds <= 253'402'300'799 && edge::parse_http_date({written, sizeof written}) != seconds) std::abort();
  return 0;
}
