// Limits made by hand, for the tests of what they let in. Header only.
#pragma once

#include <memory>
#include <string_view>

#include "core/limits/limits.h"
#include "core/limits/memory_limit_store.h"

namespace edge::test {

inline Template template_of(std::string_view text) {
  return *Template::compile(text);
}

/// One in ten seconds, after the burst.
inline RequestLimit request_limit(std::uint64_t burst, std::string_view key = "$remote_addr") {
  return {.identity = {"requests", "limits.requests 6/m (site.yaml:3:7)"},
          .key = template_of(key),
          .rate = {10'000'000, burst}};
}

inline ConcurrencyLimit concurrency_limit(std::uint32_t most, std::string_view key = "$remote_addr") {
  return {.identity = {"connections", "limits.connections max (site.yaml:4:7)"}, .key = template_of(key), .most = most};
}

/// Limits with a store and counts of their own.
struct OwnLimits {
  explicit OwnLimits(LimitSettings from) {
    for (std::size_t i = 0; i < from.requests.size(); ++i) {
      from.requests[i].identity.zone += std::to_string(i);
      counts.requests.push_back(std::make_shared<LimitCounts>());
    }
    for (std::size_t i = 0; i < from.connections.size(); ++i) {
      from.connections[i].identity.zone += std::to_string(i);
      counts.connections.push_back(std::make_shared<LimitCounts>());
    }
    if (from.bandwidth) counts.bandwidth = std::make_shared<LimitCounts>();
    limits = std::make_unique<Limits>(std::make_shared<const LimitSettings>(std::move(from)), counts, *store);
  }

  std::unique_ptr<MemoryLimitStore> store = std::move(*MemoryLimitStore::make(1 << 16));
  Limits::Counts counts;
  std::unique_ptr<Limits> limits;
};

}  // namespace edge::test
