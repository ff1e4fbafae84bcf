// OcspSchedule: when a responder is asked again, and when its answer is no longer stapled.
#pragma once

#include <cstdint>

#include "core/net/tls_ocsp_response.h"

namespace edge {

/// Times are seconds since the epoch; a clock that is set back or forward does no harm beyond an early question.
class OcspSchedule {
 public:
  /// The first look is due at once.
  bool is_due(std::int64_t now) const;
  /// Whether there was an answer, and no client should be given it any more.
  bool is_stale(std::int64_t now) const;

  /// The next look is due when half of what is left of the answer's life is over: half of all of it for one that was
  /// just made.
  void succeeded(const OcspResponse& response, std::int64_t now);
  /// Looks again after a minute, then two, then four, up to an hour.
  void failed(std::int64_t now);
  /// After is_stale(): there is no answer any more.
  void dropped() { stale_at_ = 0; }

 private:
  void look_after(std::int64_t seconds, std::int64_t now);

  std::int64_t looks_at_ = 0;
  std::int64_t looked_at_ = 0;
  std::int64_t stale_at_ = 0;  // 0: there is no answer
  std::int64_t pause_ = 0;     // after the last failure; 0: there was none
};

}  // namespace edge
