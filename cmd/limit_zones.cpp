// Counts live as long as a configuration that uses them, and pass from one to the next.
#include "cmd/limit_zones.h"

#include <utility>

namespace edge {

Result<void> LimitZones::open(const config::Process& process) {
  auto made = MemoryLimitStore::make(process.limits_memory);
  if (!made) return std::unexpected(std::move(made.error()));
  store_ = std::move(*made);
  return {};
}

std::shared_ptr<LimitCounts> LimitZones::counts_of(const LimitIdentity& limit) {
  Zone& zone = zones_[limit.zone];
  std::shared_ptr<LimitCounts> counts = zone.counts.lock();
  if (!counts) counts = std::make_shared<LimitCounts>();
  zone = {limit.text, counts};
  return counts;
}

std::shared_ptr<const Limits> LimitZones::limits(const std::shared_ptr<const LimitSettings>& settings) {
  if (!settings) return nullptr;
  const std::scoped_lock lock(mutex_);
  std::erase_if(zones_, [](const auto& zone) { return zone.second.counts.expired(); });
  Limits::Counts counts;
  for (const RequestLimit& limit : settings->requests) counts.requests.push_back(counts_of(limit.identity));
  for (const ConcurrencyLimit& limit : settings->connections) counts.connections.push_back(counts_of(limit.identity));
  if (settings->bandwidth) counts.bandwidth = counts_of(settings->bandwidth->identity);
  return std::make_shared<const Limits>(settings, std::move(counts), *store_);
}

std::vector<LimitStatus> LimitZones::status() const {
  const std::scoped_lock lock(mutex_);
  std::vector<LimitStatus> all;
  for (const auto& [name, zone] : zones_) {
    const std::shared_ptr<LimitCounts> counts = zone.counts.lock();
    if (!counts) continue;
    all.push_back(
        {zone.text, counts->refused, counts->delayed, counts->would_have_refused, counts->would_have_delayed});
  }
  return all;
}

}  // namespace edge
