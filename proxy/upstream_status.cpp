// States and reasons in words.
#include "proxy/upstream_status.h"

#include <fmt/format.h>

#include <utility>

namespace edge {
namespace {

std::uint64_t seconds_until(std::uint64_t then, std::uint64_t now) {
  return then > now ? (then - now + 999) / 1'000 : 0;
}

/// State and reason.
std::pair<std::string, std::string> standing_of(const ServerGroup::Member& member, const HealthCheck* health,
                                                Milliseconds slow_start, std::uint64_t now) {
  const Server& server = *member.server;
  if (member.down) return {"down", "by the configuration"};
  const std::string_view reason = health ? health->reason(server) : std::string_view();
  switch (server.standing(now)) {
    case Standing::held_down:
      return {"down", fmt::format("health check: {}", reason.empty() ? "not yet good often enough" : reason)};
    case Standing::ejected:
      return {"ejected", fmt::format("{}; {} s until it is tried again", failure_text(server.last_failure()),
                                     seconds_until(server.ejected_until(), now))};
    case Standing::trial_due:
      return {"on trial", fmt::format("{}; the next request tries it", failure_text(server.last_failure()))};
    case Standing::up:
      break;
  }
  const std::string failing = reason.empty() ? std::string() : fmt::format("last health check: {}", reason);
  const std::uint32_t share = server.share(now, slow_start);
  if (share < 1'000)
    return {"starting slowly", failing.empty() ? fmt::format("{} % of its weight", share / 10) : failing};
  return {"up", failing};
}

ServerStatus status_of(const ServerGroup::Member& member, const HealthCheck* health, Milliseconds slow_start,
                       std::uint64_t now) {
  const Server& server = *member.server;
  auto [state, why] = standing_of(member, health, slow_start, now);
  Server::PastFailure past = server.past_failure();
  return {.name = server.name(),
          .url = server.url(),
          .state = std::move(state),
          .why = std::move(why),
          .backup = member.backup,
          .weight = member.weight,
          .max_connections = member.max_connections,
          .in_flight = server.in_flight(),
          .idle = server.idle(),
          .served = server.served(),
          .failed = server.failed(),
          .latency = static_cast<std::uint64_t>(server.latency(now).count()),
          .error = std::move(past.text),
          .error_at = past.at};
}

}  // namespace

UpstreamStatus upstream_status(std::string_view name, const UpstreamServers& servers, const RetryBudget& budget,
                               const HealthCheck* health, Milliseconds slow_start, std::uint64_t now) {
  UpstreamStatus status{.name = std::string(name),
                        .retries_left = budget.left(),
                        .retried = budget.retried(),
                        .retries_refused = budget.refused()};
  for (const ServerGroup::Member& member : servers.group()->members())
    status.servers.push_back(status_of(member, health, slow_start, now));
  for (const std::unique_ptr<ResolvedName>& resolved : servers.names()) {
    if (!resolved) continue;
    if (!resolved->error().empty())
      status.unresolved.push_back({resolved->host(), resolved->error()});
    else if (!resolved->is_looked_up())
      status.unresolved.push_back({resolved->host(), "it is being looked up"});
  }
  return status;
}

}  // namespace edge
