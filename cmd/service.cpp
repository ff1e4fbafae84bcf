// Building everything from the snapshot, and the way to the first accepted connection.
#include "cmd/service.h"

#include <csignal>

#include "cmd/app_folders.h"
#include "config/control_path.h"
#include "core/log.h"
#include "core/net/orphan_reaper.h"
#include "core/net/signal_watch.h"

namespace edge {

Service::Service(std::shared_ptr<const config::Snapshot> snapshot, LogFiles& files, const std::string& self,
                 const config::Environment& environment)
    : snapshot_(std::move(snapshot)),
      files_(files),
      self_(self),
      environment_(environment),
      reload_(main_, snapshot_, environment, pools_) {}

Service::~Service() {
  for (const auto& loop : loops_) loop->forget_routes();
  pools_.clear();  // handlers die before pools, and pools before loops
}

Result<void> Service::build() {
  raise_file_limit(snapshot_->process);
  Result<std::vector<std::vector<OpenListener>>> listeners = open_listeners(*snapshot_);
  if (!listeners) {
    status_ = kExitListen;
    return std::unexpected(listeners.error());
  }
  listeners_ = std::move(*listeners);
  socket_files_.add(listeners_.front());
  status_ = kExitFailed;
  Result<PidFile> pid_file = PidFile::write(snapshot_->process.pid_file);
  if (!pid_file) return std::unexpected(pid_file.error());
  pid_file_ = std::move(*pid_file);
  Result<RuntimeDir> runtime_dir = RuntimeDir::make(snapshot_->process);
  if (!runtime_dir) return std::unexpected(runtime_dir.error());
  runtime_dir_ = std::move(*runtime_dir);
  if (Result<void> opened = open_control(); !opened) return opened;
  if (Result<void> dropped = drop_privileges(*snapshot_); !dropped) return dropped;
  connections_.most = snapshot_->process.max_connections;
  std::vector<Loop*> loops;
  for (unsigned i = 0; i < snapshot_->process.threads; ++i) {
    loops_.push_back(std::make_unique<EdgeLoop>(static_cast<int>(i), connections_));
    loops.push_back(&loops_.back()->loop());
  }
  for (const config::App& app : snapshot_->apps) {
    pools_.push_back(std::make_unique<AppPool>(main_, loops, app, runtime_dir_.path(), self_));
  }
  for (const auto& loop : loops_) {
    if (Result<void> built = loop->build(*snapshot_, files_, pools_); !built) return built;
  }
  find_folders();
  status_ = kExitOk;
  return {};
}

/// Apps with a route of `static: auto` are asked for their folders of files.
void Service::find_folders() {
  for (const auto& pool : pools_) {
    std::vector<AppFoldersHandler*> routes;
    for (const auto& loop : loops_) {
      for (const EdgeLoop::FoldersRoute& route : loop->folders_routes()) {
        if (route.app == pool->name()) routes.push_back(route.handler);
      }
    }
    if (!routes.empty()) pool->find_folders(folder_opener(pool->name(), std::move(routes)));
  }
}

/// Where nobody has named it, edge serves without one rather than not at all.
Result<void> Service::open_control() {
  const std::string& named = snapshot_->process.control;
  const std::string path = named.empty() ? config::default_control_path(snapshot_->file, environment_) : named;
  Result<std::unique_ptr<ControlServer>> opened = ControlServer::open(main_, path, *this);
  if (opened) {
    control_ = std::move(*opened);
  } else if (!named.empty()) {
    return fail(ErrorKind::internal, Side::ours, "edge.control: " + opened.error().context);
  } else {
    log::warn("no control socket, so `edge status` and `edge reload` do not work: {}", opened.error().context);
  }
  return {};
}

void Service::start_apps() {
  starting_ = pools_.size();
  if (starting_ == 0) return accept();
  for (const auto& pool : pools_) {
    if (stop_begun_) return;  // one before could not even be tried, and all are stopped
    pool->start([this, &name = pool->name()](bool ok) { app_started(name, ok); });
  }
}

void Service::app_started(const std::string& name, bool ok) {
  --starting_;
  if (!ok) {
    if (status_ == kExitOk) log::error("app {} cannot be started: stopping", name);
    status_ = kExitApp;
    if (!std::exchange(stop_begun_, true)) stop_apps();
    return;
  }
  if (starting_ == 0 && !stop_begun_) accept();
}

void Service::accept() {
  accepting_ = true;
  announce();
  for (std::size_t i = 0; i < loops_.size(); ++i) loops_[i]->listen(std::move(listeners_[i]));
  log::info("ready");
  watch_files();
}

void Service::announce() const {
  for (const OpenListener& listener : listeners_.front()) log::info("listening on {}", listener.url());
}

int Service::run() {
  std::signal(SIGPIPE, SIG_IGN);
  if (const Result<void> built = build(); !built) {
    log::error("{}", built.error().context);
    return status_;
  }
  const OrphanReaper orphans(main_);
  const SignalWatch term(main_, SIGTERM, [this] { stop_asked("SIGTERM"); });
  const SignalWatch interrupt(main_, SIGINT, [this] { stop_asked("SIGINT"); });
  const SignalWatch reopen(main_, SIGUSR1,
                           [this] { Service::reopen([](const auto&) { log::info("SIGUSR1: log files reopened"); }); });
  const SignalWatch hang_up(main_, SIGHUP, [this] { reload_on_signal(); });
  begun_ = main_.now();
  started_at_ = main_.unix_seconds();
  for (const auto& loop : loops_) loop->start();
  start_apps();
  main_.run();
  for (const auto& loop : loops_) loop->join();
  log::info("stopped");
  return status_;
}

}  // namespace edge
