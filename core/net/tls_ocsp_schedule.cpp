// Halves and doubles.
#include "core/net/tls_ocsp_schedule.h"

#include <algorithm>

namespace edge {
namespace {

constexpr std::int64_t kShortestPause = 60;    // seconds
constexpr std::int64_t kLongestPause = 3'600;  // seconds
constexpr std::int64_t kStapledUntil = 120;    // seconds before the end: clocks differ, and an answer is on its way

}  // namespace

bool OcspSchedule::is_due(std::int64_t now) const {
  return now >= looks_at_ || now < looked_at_;
}

bool OcspSchedule::is_stale(std::int64_t now) const {
  return stale_at_ != 0 && now >= stale_at_;
}

void OcspSchedule::succeeded(const OcspResponse& response, std::int64_t now) {
  pause_ = 0;
  stale_at_ = std::max<std::int64_t>(response.until - kStapledUntil, 1);
  const std::int64_t half = response.made + (response.until - response.made) / 2;
  const std::int64_t after = half > now ? half - now : (response.until - now) / 2;
  look_after(std::max(after, kShortestPause), now);
}

void OcspSchedule::failed(std::int64_t now) {
  pause_ = std::clamp(2 * pause_, kShortestPause, kLongestPause);
  look_after(pause_, now);
}

void OcspSchedule::look_after(std::int64_t seconds, std::int64_t now) {
  looked_at_ = now;
  looks_at_ = now + seconds;
}

}  // namespace edge
