// LimitState: what the limits have said of one request, and where it counts as under way.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/limits/limit_settings.h"
#include "core/limits/limit_store.h"

namespace edge {

class Limits;

/// By rank: of several limits the worst holds.
enum class LimitVerdict : std::uint8_t { none, passed, delayed_dry_run, rejected_dry_run, delayed, rejected };

/// As nginx's $limit_req_status; empty for none.
constexpr std::string_view verdict_text(LimitVerdict verdict) {
  constexpr std::array<std::string_view, 6> kTexts = {"",        "PASSED",  "DELAYED_DRY_RUN", "REJECTED_DRY_RUN",
                                                      "DELAYED", "REJECTED"};
  return kTexts[static_cast<std::size_t>(verdict)];
}

/// Part of a request; on its loop's thread. Its end is the end of the request for every limit.
class LimitState {
 public:
  LimitState() = default;
  LimitState(const LimitState&) = delete;
  LimitState& operator=(const LimitState&) = delete;
  ~LimitState() { leave(); }

  LimitVerdict requests = LimitVerdict::none;
  LimitVerdict connections = LimitVerdict::none;
  const Limits* counted_by = nullptr;  // the last that it has come to: they count it once

  /// `store` outlives the request. At most kMostLimits at a time.
  void hold(LimitStore& store, const LimitTicket& ticket) {
    store_ = &store;
    tickets_[held_++] = ticket;
  }
  /// It is not under way any more.
  void leave() {
    while (held_ > 0) store_->leave(tickets_[--held_]);
  }

 private:
  LimitStore* store_ = nullptr;
  std::size_t held_ = 0;
  std::array<LimitTicket, kMostLimits> tickets_;
};

}  // namespace edge
