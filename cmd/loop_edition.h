// LoopEdition: what one loop makes of a snapshot: a router with its handlers for each address, and the access logs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "appserver/app_pool.h"
#include "cmd/access_lists.h"
#include "cmd/app_folders.h"
#include "cmd/certificates.h"
#include "cmd/limit_zones.h"
#include "cmd/route_guards.h"
#include "config/snapshot.h"
#include "core/access_log.h"
#include "core/http/client_guard.h"
#include "core/http/entrance.h"
#include "core/http/router.h"
#include "core/log_file.h"
#include "core/net/loop.h"
#include "core/result.h"
#include "proxy/upstream.h"
#include "static/hot_files.h"

namespace edge {

/// What the editions of all loops are made of, and keep.
struct EditionParts {
  struct App {
    AppPool* pool = nullptr;
    std::shared_ptr<AppFolders> folders;
    std::shared_ptr<void> lease;  // the pool is not stopped before
  };
  std::shared_ptr<void> end;  // let go of with the last of the editions, after all the rest
  std::shared_ptr<const config::Snapshot> snapshot;
  std::map<std::string, std::shared_ptr<LogFile>> logs;        // by path: all that the snapshot writes access lines to
  std::map<std::string, App> apps;                             // by name: all of the snapshot
  std::map<std::string, std::shared_ptr<Upstream>> upstreams;  // the same
  std::string spool_directory;                                 // for request bodies
  std::shared_ptr<const Certificates> certificates;
  std::shared_ptr<const AccessLists> access;
  LimitZones* limits = nullptr;  // outlives them
  GuardParts guards;
};

/// Immutable. Made on any thread, then used on its loop's alone, and gone there when nothing goes by it any more: an
/// address of the door, or a request that began with it. What it is made of lives as long.
class LoopEdition {
 public:
  /// What the edition takes from its loop, and does not outlive.
  struct Place {
    Loop& loop;
    HotFiles& hot;
    ClientGuard& guard;
  };
  /// Blocks, because it opens folders; touches nothing of the loop that is not for every thread. An error names the
  /// place in the configuration.
  static Result<std::shared_ptr<const LoopEdition>> build(const Place& place, const EditionParts& parts);

  /// What answers at one address: sites, or with a name an app alone, by the uwsgi protocol.
  struct Address {
    config::Listen listen;
    std::string app;
    std::unique_ptr<const Router> router;
    HttpFront front{};
  };
  const std::vector<Address>& addresses() const { return addresses_; }
  const config::Snapshot& snapshot() const { return *parts_.snapshot; }
  /// On its loop: whom sites and routes serve is as `lists` say from now on, which were made for the same snapshot.
  void renew_access(const std::shared_ptr<const AccessLists>& lists) const;
  /// Hands the buffered access lines to their files.
  void flush_logs() const;

 private:
  class Builder;
  struct SharedLog {
    config::AccessTarget target;
    std::unique_ptr<AccessLog> log;
  };
  explicit LoopEdition(const EditionParts& parts) : parts_(parts) {}

  EditionParts parts_;
  std::vector<SharedLog> access_logs_;
  std::vector<std::unique_ptr<AccessSlot>> access_;  // beside the rules of parts_.access
  std::vector<Address> addresses_;                   // gone first: their handlers use what is above
};

}  // namespace edge
