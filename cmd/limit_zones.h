// LimitZones: what the limits of all loops count by, and what they have done.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cmd/control_target.h"
#include "config/snapshot.h"
#include "core/limits/limits.h"
#include "core/limits/memory_limit_store.h"
#include "core/result.h"

namespace edge {

/// From any thread, after open(). Outlives the loops, and whatever they serve by.
class LimitZones {
 public:
  /// Error: there is not so much memory.
  Result<void> open(const config::Process& process);

  /// The limits of a site or route; null for null. A limit whose zone is in use counts on where it stands.
  std::shared_ptr<const Limits> limits(const std::shared_ptr<const LimitSettings>& settings);

  /// Of all limits in use, in the order of their zones.
  std::vector<LimitStatus> status() const;
  /// Keys that were forgotten while they still counted.
  std::uint64_t forgotten() const { return store_ ? store_->forgotten() : 0; }

 private:
  struct Zone {
    std::string text;
    std::weak_ptr<LimitCounts> counts;
  };
  std::shared_ptr<LimitCounts> counts_of(const LimitIdentity& limit);

  std::unique_ptr<MemoryLimitStore> store_;
  mutable std::mutex mutex_;
  std::map<std::string, Zone> zones_;
};

}  // namespace edge
