// Upstreams: the servers behind edge, kept over reloads while their settings stay the same.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/snapshot.h"
#include "core/net/loop.h"
#include "core/result.h"
#include "proxy/upstream.h"
#include "proxy/upstream_keeper.h"

namespace edge {

using UpstreamsByName = std::map<std::string, std::shared_ptr<Upstream>>;

/// Those of `to`: the ones of `before` whose settings are the same, with all that is known of their servers, else new
/// ones, for `loops`. On any thread, and blocking, because it reads the files of TLS. An error says where.
Result<UpstreamsByName> make_upstreams(const config::Snapshot& to, const UpstreamsByName& before,
                                       const std::vector<Loop*>& loops);

/// Who looks after the servers of each upstream that is in force. On the main loop.
class UpstreamKeepers {
 public:
  using ByName = std::map<std::string, std::unique_ptr<UpstreamKeeper>>;

  explicit UpstreamKeepers(Loop& main) : main_(main), resolver_(main) {}

  /// For those of `upstreams` that have none: not in force yet.
  ByName make(const UpstreamsByName& upstreams);
  /// In force from now on: `upstreams`, by their keepers of before or by those that were `made`.
  void turn_to(const UpstreamsByName& upstreams, ByName made);
  /// Nothing is looked after any more.
  void end() { keepers_.clear(); }
  std::vector<UpstreamStatus> status() const;

 private:
  const UpstreamKeeper* find(const std::string& name) const;

  Loop& main_;
  Resolver resolver_;
  ByName keepers_;
};

}  // namespace edge
