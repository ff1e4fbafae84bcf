// Limits: what holds for the requests of a route or a site, with what it counts by.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/duration.h"
#include "core/limits/limit_settings.h"
#include "core/limits/limit_state.h"
#include "core/limits/limit_store.h"
#include "core/log_pace.h"

namespace edge {

struct Request;

/// What one limit has done. Of all loops.
struct LimitCounts {
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> delayed{0};  // requests that had to wait, answers that were slowed
  std::atomic<std::uint64_t> would_have_refused{0};
  std::atomic<std::uint64_t> would_have_delayed{0};
  SharedLogPace lines;

  void add(LimitVerdict verdict);
};

/// Immutable but for the counts. From any thread.
class Limits {
 public:
  /// The counts of each limit, in the order of the settings.
  struct Counts {
    std::vector<std::shared_ptr<LimitCounts>> requests;
    std::vector<std::shared_ptr<LimitCounts>> connections;
    std::shared_ptr<LimitCounts> bandwidth;  // null when there is no such limit
  };
  /// `store` outlives the limits and every request that they have let in.
  Limits(std::shared_ptr<const LimitSettings> settings, Counts counts, LimitStore& store)
      : settings_(std::move(settings)), counts_(std::move(counts)), store_(store) {}

  struct Admission {
    int refused_with = 0;           // a status; 0: it is let in
    std::uint64_t retry_after = 0;  // seconds until one would be let in; 0: nobody knows
    Milliseconds wait{0};           // of one that is let in, until its turn
  };
  /// Counts a request, and notes in its LimitState what came of it. Refusals are logged.
  Admission admit(Request& request) const;

  const BandwidthLimit* bandwidth() const { return settings_->bandwidth ? &*settings_->bandwidth : nullptr; }
  /// Counts an answer to `request` that had to be slowed. One that only would be is logged.
  void note_slowed(const Request& request) const;

 private:
  Admission enter(Request& request, std::uint64_t now) const;
  Admission pass(Request& request, std::uint64_t now) const;
  void note(LimitVerdict verdict, const LimitIdentity& limit, LimitCounts& counts, const Request& request,
            std::string_view key) const;

  std::shared_ptr<const LimitSettings> settings_;
  Counts counts_;
  LimitStore& store_;
};

}  // namespace edge
