// A bucket that fills with time and with what the client was sent.
#include "core/http/h2_guard.h"

#include <algorithm>
#include <array>

namespace edge {

namespace {

// The bucket holds 400 resets or PINGs, or 100 SETTINGS, at once, and 40 (10) a second after that: a browser that
// leaves a page resets a hundred streams, and nothing honest sends more than a few SETTINGS.
constexpr std::uint32_t kPerSecond = 200;
constexpr std::uint32_t kForData = 4;  // two windows are opened for a DATA frame, by the eagerest of readers

struct Cost {
  const char* name;
  std::uint32_t tokens;
};
constexpr std::array<Cost, 10> kCosts = {{
    {"SETTINGS", 20},
    {"PING", 5},
    {"PRIORITY", 2},
    {"RST_STREAM", 5},
    {"empty DATA", 5},
    {"WINDOW_UPDATE", 1},
    {"HEADERS of streams above the limit", 5},
    {"streams that break the protocol", 5},
    {"frames of unknown types or for streams that have ended", 1},
    {"other frames", 2},
}};
static_assert(kCosts.size() == static_cast<std::size_t>(H2Guard::Kind::other) + 1);

}  // namespace

bool H2Guard::lets_pass(Kind kind, std::uint64_t now) {
  if (const std::uint64_t gained = (now - filled_at_) * kPerSecond / 1'000; filled_at_ == 0 || gained > 0) {
    left_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(kMost, left_ + gained));
    filled_at_ = now;
  }
  const std::uint32_t tokens = kCosts[static_cast<std::size_t>(kind)].tokens;
  if (left_ < tokens) return false;
  left_ -= tokens;
  return true;
}

void H2Guard::sent_data() {
  left_ = std::min(kMost, left_ + kForData);
}

const char* name_of(H2Guard::Kind kind) {
  return kCosts[static_cast<std::size_t>(kind)].name;
}

}  // namespace edge
