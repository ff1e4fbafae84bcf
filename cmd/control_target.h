// ControlTarget: what the control socket asks of the running edge, and what it answers. Plain data but for the
// interface.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "appserver/app_status.h"
#include "core/address_set.h"
#include "core/duration.h"
#include "proxy/upstream_status.h"

namespace edge {

/// What one limit has done since its zone came into use.
struct LimitStatus {
  std::string limit{};  // "limits.requests 20/s (site.yaml:3:7)"
  std::uint64_t refused = 0;
  std::uint64_t delayed = 0;  // requests that had to wait, answers that were slowed
  std::uint64_t would_have_refused = 0;
  std::uint64_t would_have_delayed = 0;
};

/// The whole edge at one moment.
struct ServiceStatus {
  std::string version{};
  pid_t pid = 0;
  std::string file{};           // the site file, absolute
  std::string state{};          // "starting", "serving", "stopping"
  std::int64_t started_at = 0;  // seconds since the epoch
  std::uint64_t uptime = 0;     // milliseconds
  std::uint32_t loops = 0;
  std::uint64_t connections = 0;
  std::uint64_t most_connections = 0;
  std::uint64_t bans = 0;
  std::uint64_t closed_unread = 0;     // connections of clients that are banned or denied, since the start
  std::uint64_t refused_requests = 0;  // of such clients
  std::vector<LimitStatus> limits{};
  std::uint64_t limit_keys_forgotten = 0;  // while they still counted: edge.limits_memory is small
  std::vector<AppStatus> apps{};
  std::vector<UpstreamStatus> upstreams{};
};

/// What a reload did to one app.
struct AppReload {
  std::string name{};
  std::string outcome{};         // "reloaded", "unchanged", "failed", "started", "removed"
  std::uint32_t generation = 0;  // that serves now; 0: none
  std::string because{};         // what had changed: "site.yaml changed"; of "reloaded" and "failed"
  std::string error{};           // of "failed": what the import printed, or one line
  std::uint64_t took = 0;        // milliseconds
};

struct ReloadReport {
  bool ok = false;                           // nothing is wrong with the site file, and no app failed
  std::vector<std::string> problems{};       // of the site file or what it asks for, "site.yaml:3:7: …"; then nothing
                                             // was touched
  bool nothing_changed = false;              // because of an app that failed: what served before goes on
  std::vector<AppReload> apps{};             // in the order of the site file, then those removed
  std::vector<std::string> applied{};        // settings that changed: "sites: 2 listeners opened, 1 closed"
  std::vector<std::string> not_applied{};    // "site.yaml:3:7: …": what the system refused while the rest was applied
  std::vector<std::string> needs_restart{};  // settings that changed and hold only when edge itself is started anew
};

/// How the log files were opened again.
struct ReopenReport {
  bool ok = false;
  std::vector<std::string> errors{};  // of files that cannot be opened; what was open stays in use
};

/// How another process took the place of this one, or why not.
struct UpgradeReport {
  bool ok = false;
  pid_t pid = 0;           // that serves now
  std::string error{};     // what its log said, and how it ended
  std::uint64_t took = 0;  // milliseconds
};

/// Who is to be banned.
struct BanOrder {
  AddressRange range;
  Milliseconds duration{0};  // 0: until it is lifted
  std::string why{};
};

/// How a ban was set or lifted.
struct BanReport {
  bool ok = false;
  std::string address{};
  std::string error{};
  std::string note{};  // what the caller may not expect: that it does not outlive the process
};

struct BanEntry {
  std::string address{};
  std::int64_t since = 0;  // seconds since the epoch
  std::int64_t until = 0;  // 0: until it is lifted
  bool automatic = false;
  std::string why{};
};

struct BansReport {
  bool ok = true;
  std::uint64_t total = 0;
  std::uint64_t most = 0;
  std::string kept_in{};         // the folder; empty: in memory only
  std::vector<BanEntry> bans{};  // the first of them by address, when there are very many
};

/// Everything is called on the main loop, and every callback runs there, once, perhaps within the call. The target
/// outlives the ControlServer that asks it.
class ControlTarget {
 public:
  template <class Value>
  using Answer = std::move_only_function<void(Value)>;

  /// The apps' names; restart() and rollback() are called with one of them only.
  virtual std::vector<std::string> apps() = 0;
  virtual void status(Answer<ServiceStatus> done) = 0;
  virtual void reload(Answer<ReloadReport> done) = 0;
  virtual void restart(const std::string& app, Answer<SwapResult> done) = 0;
  virtual void rollback(const std::string& app, Answer<SwapResult> done) = 0;
  /// Opens the log files again; the answer comes when nothing is written to the old ones any more.
  virtual void reopen(Answer<ReopenReport> done) = 0;
  /// Starts the program anew, which is to take this one's place; this one stops when the answer is that it has.
  virtual void upgrade(Answer<UpgradeReport> done) = 0;
  virtual void ban(const BanOrder& order, Answer<BanReport> done) = 0;
  virtual void unban(const AddressRange& range, Answer<BanReport> done) = 0;
  virtual void bans(Answer<BansReport> done) = 0;
  /// Begins to stop gracefully, and returns at once.
  virtual void stop() = 0;

 protected:
  ~ControlTarget() = default;
};

}  // namespace edge
