// EdgeLoop: one event-loop thread of the edge with all that belongs to it: door, routers, handlers, access logs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cmd/app_folders_handler.h"
#include "cmd/listeners.h"
#include "config/snapshot.h"
#include "core/access_log.h"
#include "core/http/door.h"
#include "core/http/router.h"
#include "core/log_files.h"
#include "core/net/loop.h"
#include "core/uwsgi/public_socket.h"

namespace edge {

class AppPool;
class HotFiles;

/// Everything is made on the main thread before start(), and destroyed there after join().
class EdgeLoop {
 public:
  EdgeLoop(int index, ConnectionLimit& limit);
  ~EdgeLoop();

  Loop& loop() { return loop_; }

  /// Builds routers with their handlers for each address. A problem names the place in the configuration.
  Result<void> build(const config::Snapshot& snapshot, LogFiles& files,
                     const std::vector<std::unique_ptr<AppPool>>& pools);

  /// A route with `static: auto`.
  struct FoldersRoute {
    std::string app;
    AppFoldersHandler* handler;
  };
  const std::vector<FoldersRoute>& folders_routes() const { return folders_routes_; }

  void start();
  /// From any thread, after start(): begins to accept.
  void listen(std::vector<OpenListener> listeners);
  /// From any thread: `done` runs on this loop when every connection is closed.
  void drain(std::move_only_function<void()> done);
  void kill();
  /// From any thread: hands the buffered access lines to their files, then runs `done` on this loop.
  void flush_logs(std::move_only_function<void()> done);
  void join();
  /// Destroys routers and handlers, which need the apps' pools. After join(), or without start().
  void forget_routes() {
    folders_routes_.clear();
    routers_.clear();
    app_sockets_.clear();
  }

 private:
  struct AddressRouter {
    config::Listen listen;
    std::shared_ptr<const Router> router;
    Entrance* entrance = nullptr;  // from listen() on
  };
  /// An app's own socket: it leads to that app alone.
  struct AppSocket {
    const config::App* app;
    std::shared_ptr<const Router> router;
    std::unique_ptr<uwsgi::PublicSocket> protocol;  // from listen() on
  };
  Result<void> build_app_sockets(const config::Snapshot& snapshot, LogFiles& files,
                                 const std::vector<std::unique_ptr<AppPool>>& pools);
  void listen_for_app(OpenListener listener, const std::string& http);
  Result<AccessLog*> access_log(const std::optional<config::AccessTarget>& target, LogFiles& files);
  Result<std::unique_ptr<Site>> build_site(const config::Site& site, LogFiles& files,
                                           const std::vector<std::unique_ptr<AppPool>>& pools);

  struct SharedLog {
    config::AccessTarget target;
    std::unique_ptr<AccessLog> log;
  };

  Loop loop_;
  std::unique_ptr<HotFiles> hot_files_;
  std::vector<SharedLog> access_logs_;
  std::vector<AddressRouter> routers_;
  std::vector<AppSocket> app_sockets_;
  std::vector<FoldersRoute> folders_routes_;
  Door door_;
  std::thread thread_;
};

}  // namespace edge
