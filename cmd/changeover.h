// Changeover: from the configuration that is in force to another: all that can fail is made beside what serves, and
// then either takes its place on every loop, or is taken back with nothing changed.
//
//   open_addresses, make_apps -> open_logs, build -> start_apps or make_keepers -> commit, or abandon
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cmd/addresses.h"
#include "cmd/apps.h"
#include "cmd/loop_edition.h"
#include "cmd/running.h"
#include "config/snapshot.h"
#include "core/log_file.h"
#include "core/net/alarm.h"
#include "core/result.h"

namespace edge {

/// On the main loop's thread but for open_logs() and build(); while these run elsewhere, nothing else is called. One at
/// a time for what it changes, which outlives it.
class Changeover {
 public:
  Changeover(Running& running, std::shared_ptr<const config::Snapshot> to, const config::Environment& environment)
      : running_(running), to_(std::move(to)), environment_(environment), known_access_(running.access) {}

  /// Listening sockets. Errors say where, and what to do. Blocking for microseconds.
  Result<void> open_addresses();
  /// On any thread: log files. Blocks as long as file systems take.
  Result<void> open_logs();
  /// Instead of both, for a check that ends before commit(): nothing is opened that anybody would see.
  Result<void> open_nothing();
  /// Certificates, and upstreams with theirs, as the rights of edge allow: on any thread, while nothing else is called.
  /// Blocks, because it reads files. build() does it when it was not done before.
  Result<void> load_certificates();
  /// Before that: files of TLS that cannot be used are no error where others were read before, which serve on.
  void keep_what_breaks() { keeps_what_breaks_ = true; }
  /// Why such files cannot be used, with the places in the site file.
  const std::vector<std::string>& broken() const { return broken_; }
  /// Pools for the apps that are new.
  void make_apps();
  /// Gives the new apps to what runs before commit() does: at the start, when nothing serves.
  void add_apps();
  /// On any thread: routers and handlers for every loop. Blocks, because it opens folders.
  Result<void> build();
  /// Looks up the names of new upstreams, starts the new apps, and opens the folders of those that serve at mounts that
  /// are new. `done` runs once, in a later turn, unless abandon() comes first: with nothing when all are ready, or with
  /// the first that cannot be started.
  void start_apps(std::move_only_function<void(const AppPool* failed)> done);
  /// Who looks after the upstreams that are new. start_apps() does it; where no apps are started, before commit().
  void make_keepers() { new_keepers_ = running_.keepers.make(parts_.upstreams); }
  /// Other certificates than those in force were read.
  bool has_new_certificates() const {
    return !running_.certificates || parts_.certificates->sites() != running_.certificates->sites() ||
           have_new_files(parts_.upstreams, running_.upstreams);
  }
  /// Files of lists have changed since they were read, or others are read.
  bool has_new_lists() const { return running_.access && !parts_.access->same_files(*running_.access); }
  /// An app that serves was never asked for its folders of files, and a new route wants them: it needs to be loaded
  /// anew.
  bool wants_folders(const Apps::App& app) const { return app.folders->wants_opening() && !app.pool->finds_folders(); }

  struct Done {
    std::vector<std::string> started;  // apps
    std::vector<std::string> removed;
    Addresses::Change addresses;
  };
  /// Nothing of it fails but what `problems` of the addresses tell. `done` runs in a later turn, when every loop goes
  /// by the new configuration; what began by the old one goes on, and old parts end when nothing uses them.
  void commit(std::move_only_function<void(Done)> done);
  /// Closes and ends what was made.
  void abandon();

 private:
  bool is_new(const config::App& app) const { return !running_.apps.find(app.name); }
  std::vector<std::string> log_paths() const;
  void await_names();
  void turn_loops(const std::shared_ptr<Done>& told, std::move_only_function<void(Done)> done);

  Running& running_;
  std::shared_ptr<const config::Snapshot> to_;
  const config::Environment& environment_;
  std::shared_ptr<const AccessLists> known_access_;  // that were in force at the beginning
  bool touches_nothing_ = false;
  bool keeps_what_breaks_ = false;
  std::vector<std::string> broken_;
  Addresses::Added added_;
  std::shared_ptr<LogFile> error_log_;
  std::vector<Apps::App> new_apps_;
  std::vector<AppPool*> to_start_;
  EditionParts parts_;
  std::vector<std::shared_ptr<const LoopEdition>> editions_;  // by loop
  std::move_only_function<void(const AppPool*)> when_started_;
  std::size_t starting_ = 0;
  UpstreamKeepers::ByName new_keepers_;
  std::move_only_function<void()> when_looked_up_;
  Alarm look_at_names_{[this] { await_names(); }};
  std::uint64_t looked_up_by_ = 0;                          // Loop::now()
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // expires with it, for those who call back
};

}  // namespace edge
