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

/// Those of `to`: the ones of `before` whose settings and files of TLS are the same, with all that is known of their
/// servers, else new ones, for `loops`. On any thread, and blocking, because it reads the files. An error says where.
/// Files that edge may not read any more since it has given up the rights of root stay as they were read. With
/// `broken`, so do those that cannot be used, and why is added there; without, that is an error.
Result<UpstreamsByName> make_upstreams(const config::Snapshot& to, const UpstreamsByName& before,
                                       const std::vector<Loop*>& loops, std::vector<std::string>* broken = nullptr);

/// Whether the files of TLS are those that were read. Blocking for microseconds.
bool have_current_files(const UpstreamsByName& upstreams);

/// Whether one of them is the same as `before` but for what its files of TLS hold.
bool have_new_files(const UpstreamsByName& upstreams, const UpstreamsByName& before);

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
