// Upstream: what all loops share of the servers behind one name.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "config/snapshot.h"
#include "core/net/loop.h"
#include "core/net/tls_client_context.h"
#include "proxy/balancer.h"
#include "proxy/retry_budget.h"
#include "proxy/script_path.h"
#include "proxy/sticky_cookie.h"

namespace edge {

class UpstreamLane;

/// Its settings are constant. Made on any thread, and blocking for microseconds; kept by the lanes of all loops and by
/// whoever looks after its servers.
class Upstream {
 public:
  /// `tls` is null unless the servers speak https. `loops` outlive it, those of the edge in their order.
  Upstream(config::Upstream settings, std::shared_ptr<const TlsClientContext> tls, const std::vector<Loop*>& loops);
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  ~Upstream();

  const config::Upstream& settings() const { return settings_; }
  const std::shared_ptr<const TlsClientContext>& tls() const { return tls_; }
  const BalanceSettings& balance() const { return balance_; }
  const FastCgiSettings& fastcgi() const { return fastcgi_; }
  /// Null: clients need not stay with their server.
  const StickyCookie* sticky() const { return sticky_ ? &*sticky_ : nullptr; }

  RetryBudget retries;  // any thread

  /// Any thread: that of the loop with this number, made when there is none. It must be let go of on its loop, unless
  /// no request has come to it.
  static std::shared_ptr<UpstreamLane> lane(const std::shared_ptr<Upstream>& upstream, std::size_t loop);

  /// Any thread: the servers at present; never null.
  std::shared_ptr<const ServerGroup> group() const;
  /// Any thread: other servers from now on; each lane goes by them soon.
  void use(std::shared_ptr<const ServerGroup> group);

  // The queue of those who wait while every server is full: loops share no waiter -----------------------------------
  /// Of a lane: so many wait in it.
  void set_waiting(std::size_t loop, std::uint32_t count);
  /// Of the lane `from`, which has no use for a place that was left on the loop `origin`: the next in which somebody
  /// waits is told, unless that would be where it came from.
  void pass_on(const std::shared_ptr<Server>& server, std::size_t origin, std::size_t from);
  /// Any thread: a server has come back, or may no longer be waited for. Every lane in which somebody waits is told.
  void servers_changed();
  /// Any thread: how many wait, in all lanes.
  std::uint32_t waiting() const;

 private:
  struct Mark {
    Loop* loop = nullptr;
    std::weak_ptr<UpstreamLane> lane;  // under lock_
    std::atomic<std::uint32_t> waiting{0};
  };
  template <class What>
  void tell(Mark& mark, What what);

  const config::Upstream settings_;
  const std::shared_ptr<const TlsClientContext> tls_;
  const BalanceSettings balance_;
  const FastCgiSettings fastcgi_;
  std::optional<StickyCookie> sticky_;
  std::vector<std::unique_ptr<Mark>> marks_;  // by loop
  mutable std::mutex lock_;                   // never held on the way of a request, unless one waits for room
  std::shared_ptr<const ServerGroup> group_;
};

}  // namespace edge
