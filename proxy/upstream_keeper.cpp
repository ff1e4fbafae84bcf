// Putting names, health checks and lanes together.
#include "proxy/upstream_keeper.h"

#include <utility>

#include "proxy/health_probe.h"

namespace edge {

namespace {

UpstreamServers::Settings settings_of(const Upstream& upstream) {
  const config::Upstream& settings = upstream.settings();
  UpstreamServers::Settings to{.upstream = settings.name,
                               .servers = {},
                               .resolve = settings.resolve,
                               .with_ring = uses_ring(upstream.balance().method),
                               .are_checked = settings.health.has_value()};
  for (const config::UpstreamServer& server : settings.servers) {
    to.servers.push_back({server.url, server.host, server.port, server.unix_path, server.weight, server.max_connections,
                          server.backup, server.down});
  }
  return to;
}

std::string_view text_of(config::UpstreamProtocol protocol) {
  constexpr std::string_view kTexts[] = {"http", "https", "uwsgi", "fastcgi"};
  return kTexts[static_cast<std::size_t>(protocol)];
}

std::string text_of(const config::Balance& balance) {
  constexpr std::string_view kTexts[] = {"round_robin", "least_conn", "random", "ip_hash", "hash "};
  return std::string(kTexts[static_cast<std::size_t>(balance.by)]) + std::string(balance.key.source());
}

}  // namespace

UpstreamKeeper::UpstreamKeeper(Loop& main, Resolver& resolver, std::shared_ptr<Upstream> upstream,
                               std::shared_ptr<const ServerGroup> before)
    : main_(main),
      upstream_(std::move(upstream)),
      servers_(main, resolver, settings_of(*upstream_), std::move(before),
               [this](const std::shared_ptr<const ServerGroup>& group) { use(group); }) {
  if (const auto& health = upstream_->settings().health) {
    const auto seed = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(this) >> 4);
    health_.emplace(main,
                    HealthSettings{health->interval, health->timeout, health->statuses, health->rise, health->fall},
                    health_probe(main, upstream_), seed, [upstream = upstream_] { upstream->servers_changed(); });
  }
  use(servers_.group());
}

void UpstreamKeeper::use(const std::shared_ptr<const ServerGroup>& group) {
  upstream_->use(group);
  if (health_) health_->watch(*group);
}

UpstreamStatus UpstreamKeeper::status() const {
  const config::Upstream& settings = upstream_->settings();
  UpstreamStatus status = upstream_status(settings.name, servers_, upstream_->retries, health_ ? &*health_ : nullptr,
                                          settings.slow_start, main_.now());
  status.protocol = text_of(settings.protocol);
  status.balance = text_of(settings.balance);
  status.waiting = upstream_->waiting();
  status.queue = settings.queue;
  return status;
}

}  // namespace edge
