// UpstreamKeeper: looks after the servers of one upstream: the addresses of their names, and their health.
#pragma once

#include <memory>
#include <optional>

#include "core/net/loop.h"
#include "proxy/health_check.h"
#include "proxy/upstream.h"
#include "proxy/upstream_servers.h"
#include "proxy/upstream_status.h"

namespace edge {

/// On the main loop.
class UpstreamKeeper {
 public:
  /// `before`: the servers of the configuration before this one; may be null. The upstream goes by its addresses at
  /// once.
  UpstreamKeeper(Loop& main, Resolver& resolver, std::shared_ptr<Upstream> upstream,
                 std::shared_ptr<const ServerGroup> before);
  UpstreamKeeper(const UpstreamKeeper&) = delete;
  UpstreamKeeper& operator=(const UpstreamKeeper&) = delete;

  const std::shared_ptr<Upstream>& upstream() const { return upstream_; }
  /// Every name was looked up once, with or without success.
  bool is_ready() const { return servers_.are_looked_up(); }
  UpstreamStatus status() const;

 private:
  void use(const std::shared_ptr<const ServerGroup>& group);

  Loop& main_;
  const std::shared_ptr<Upstream> upstream_;
  UpstreamServers servers_;
  std::optional<HealthCheck> health_;
};

}  // namespace edge
