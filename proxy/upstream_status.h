// What is known of an upstream at one moment, for `edge status`. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/health_check.h"
#include "proxy/retry_budget.h"
#include "proxy/server_group.h"
#include "proxy/upstream_servers.h"

namespace edge {

struct ServerStatus {
  std::string name{};   // its address
  std::string url{};    // as configured
  std::string state{};  // "up", "starting slowly", "ejected", "on trial", "down"
  std::string why{};    // in words; empty where there is nothing to say
  bool backup = false;
  std::uint32_t weight = 1;
  std::uint32_t max_connections = 0;  // 0: no bound
  std::uint32_t in_flight = 0;
  std::uint32_t idle = 0;  // connections that are kept for the next requests, of all loops
  std::uint64_t served = 0;
  std::uint64_t failed = 0;
  std::uint64_t latency = 0;  // microseconds; 0: not known
  std::string error{};        // of the last request that failed; empty: none has
  std::int64_t error_at = 0;  // seconds since the epoch
};

/// A host name that could not be looked up the last time.
struct UnresolvedName {
  std::string host{};
  std::string why{};
};

struct UpstreamStatus {
  std::string name{};
  std::string protocol{};     // "http", "https", "uwsgi", "fastcgi"
  std::string balance{};      // as configured
  std::uint64_t waiting = 0;  // requests, as every server is full
  std::uint64_t queue = 0;    // how many may wait on each loop
  std::vector<ServerStatus> servers{};
  std::vector<UnresolvedName> unresolved{};
  std::uint64_t retries_left = 0;     // that the budget would let through now
  std::uint64_t retried = 0;          // requests sent once more, since the start
  std::uint64_t retries_refused = 0;  // as the budget was spent
};

/// On the main loop. `health`: null without active checks.
UpstreamStatus upstream_status(std::string_view name, const UpstreamServers& servers, const RetryBudget& budget,
                               const HealthCheck* health, Milliseconds slow_start, std::uint64_t now);

}  // namespace edge
