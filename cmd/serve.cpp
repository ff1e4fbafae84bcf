// Start: listen -> apps -> ready. Stop: listeners -> connections -> apps -> logs.
#include "cmd/serve.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "appserver/app_pool.h"
#include "cmd/edge_loop.h"
#include "cmd/exit_code.h"
#include "cmd/process_setup.h"
#include "core/log.h"
#include "core/net/listener.h"
#include "core/net/orphan_reaper.h"
#include "core/net/signal_watch.h"

namespace edge {

namespace {

/// All listening sockets, one set a loop. Ports that the kernel chose are the same on every loop.
Result<std::vector<std::vector<OpenListener>>> open_listeners(const config::Snapshot& snapshot) {
  std::vector<std::vector<OpenListener>> sets(snapshot.process.threads);
  std::vector<config::Listen> seen;
  for (const config::Site& site : snapshot.sites) {
    for (const config::Listen& listen : site.listen) {
      if (std::find(seen.begin(), seen.end(), listen) != seen.end()) continue;
      seen.push_back(listen);
      Address address = listen.address;
      UniqueFd shared;
      if (!listen.unix_path.empty()) {
        Result<UniqueFd> opened = open_unix_listener(listen.unix_path, listen.backlog);
        if (!opened) return fail(ErrorKind::internal, Side::ours, listen.place.text() + ": " + opened.error().context);
        shared = std::move(*opened);
      }
      for (auto& set : sets) {
        const PortUse use = sets.size() == 1        ? PortUse::alone
                            : &set == &sets.front() ? PortUse::first_of_many
                                                    : PortUse::one_of_many;
        Result<UniqueFd> opened =
            shared ? UniqueFd(::dup(shared.get())) : open_tcp_listener(address, listen.backlog, use);
        if (!opened) return fail(ErrorKind::internal, Side::ours, listen.place.text() + ": " + opened.error().context);
        if (!shared && address.port == 0) address = bound_address(opened->get());
        set.push_back({&listen, std::move(*opened), address});
      }
    }
  }
  return sets;
}

class Service {
 public:
  Service(std::shared_ptr<const config::Snapshot> snapshot, LogFiles& files, const std::string& self)
      : snapshot_(std::move(snapshot)), files_(files), self_(self) {}

  ~Service() {
    for (const auto& loop : loops_) loop->forget_routes();
    pools_.clear();  // handlers die before pools, and pools before loops
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  int run();

 private:
  Result<void> build();
  void start_apps();
  void app_started(const std::string& name, bool ok);
  void accept();
  void announce() const;
  void reopen_logs();
  void stop_asked(const char* signal);
  void drain();
  void stop_apps();
  void cut(const char* why);
  void finish();

  struct StopDeadline final : Deadline {
    explicit StopDeadline(Service& in) : service(in) {}
    void on_deadline() override { service.cut("shutdown_timeout has passed with requests under way"); }
    Service& service;
  };

  std::shared_ptr<const config::Snapshot> snapshot_;
  LogFiles& files_;
  std::string self_;
  int status_ = kExitOk;
  RuntimeDir runtime_dir_;
  PidFile pid_file_;
  ConnectionLimit connections_;
  Loop main_;
  std::vector<std::vector<OpenListener>> listeners_;
  std::vector<std::unique_ptr<AppPool>> pools_;
  std::vector<std::unique_ptr<EdgeLoop>> loops_;
  StopDeadline stop_deadline_{*this};
  std::size_t starting_ = 0;  // apps whose start is not decided
  std::size_t draining_ = 0;  // loops with connections
  std::size_t stopping_ = 0;  // apps with processes
  bool accepting_ = false;
  bool stop_asked_ = false;
  bool cut_ = false;
};

Result<void> Service::build() {
  raise_file_limit(snapshot_->process);
  Result<std::vector<std::vector<OpenListener>>> listeners = open_listeners(*snapshot_);
  if (!listeners) {
    status_ = kExitListen;
    return std::unexpected(listeners.error());
  }
  listeners_ = std::move(*listeners);
  status_ = kExitFailed;
  Result<PidFile> pid_file = PidFile::write(snapshot_->process.pid_file);
  if (!pid_file) return std::unexpected(pid_file.error());
  pid_file_ = std::move(*pid_file);
  Result<RuntimeDir> runtime_dir = RuntimeDir::make(snapshot_->process);
  if (!runtime_dir) return std::unexpected(runtime_dir.error());
  runtime_dir_ = std::move(*runtime_dir);
  if (Result<void> dropped = drop_privileges(snapshot_->process); !dropped) return dropped;
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
  status_ = kExitOk;
  return {};
}

void Service::start_apps() {
  starting_ = pools_.size();
  if (starting_ == 0) return accept();
  for (const auto& pool : pools_) {
    if (stop_asked_) return;  // one before could not even be tried, and all are stopped
    pool->start([this, &name = pool->name()](bool ok) { app_started(name, ok); });
  }
}

void Service::app_started(const std::string& name, bool ok) {
  --starting_;
  if (!ok) {
    if (status_ == kExitOk) log::error("app {} cannot be started: stopping", name);
    status_ = kExitApp;
    if (!stop_asked_) {
      stop_asked_ = true;
      stop_apps();
    }
    return;
  }
  if (starting_ == 0 && !stop_asked_) accept();
}

void Service::accept() {
  accepting_ = true;
  announce();
  for (std::size_t i = 0; i < loops_.size(); ++i) loops_[i]->listen(std::move(listeners_[i]));
  log::info("ready");
}

void Service::announce() const {
  for (const OpenListener& listener : listeners_.front()) {
    const Address& address = listener.address;
    if (!listener.listen->unix_path.empty()) {
      log::info("listening on unix:{}", listener.listen->unix_path);
    } else {
      log::info("listening on http://{}", address.text());
    }
  }
}

/// What was logged before the signal goes to the old files, from every loop.
void Service::reopen_logs() {
  const auto left = std::make_shared<std::size_t>(loops_.size());
  for (const auto& loop : loops_) {
    loop->flush_logs([this, left] {
      main_.post([this, left] {
        if (--*left > 0) return;
        files_.reopen();
        log::info("SIGUSR1: log files reopened");
      });
    });
  }
}

void Service::stop_asked(const char* signal) {
  if (stop_asked_) return cut("a second signal");
  stop_asked_ = true;
  log::info("{}: stopping when what is under way is answered, within {} s", signal,
            std::chrono::duration_cast<std::chrono::seconds>(snapshot_->process.shutdown_timeout).count());
  main_.arm(stop_deadline_, snapshot_->process.shutdown_timeout);
  drain();
}

void Service::drain() {
  if (!accepting_) return stop_apps();
  draining_ = loops_.size();
  for (const auto& loop : loops_) {
    loop->drain([this] {
      main_.post([this] {
        if (--draining_ == 0) stop_apps();
      });
    });
  }
}

void Service::stop_apps() {
  stopping_ = pools_.size();
  if (stopping_ == 0) return finish();
  for (const auto& pool : pools_) {
    pool->stop([this] {
      if (--stopping_ == 0) finish();
    });
  }
}

void Service::cut(const char* why) {
  if (std::exchange(cut_, true)) return;
  log::warn("stopping at once: {}", why);
  status_ = kExitCut;
  for (const auto& loop : loops_) loop->kill();
  for (const auto& pool : pools_) pool->kill();
}

void Service::finish() {
  stop_deadline_.disarm();
  main_.stop();
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
  const SignalWatch reopen(main_, SIGUSR1, [this] { reopen_logs(); });
  const SignalWatch reload(main_, SIGHUP, [] { log::warn("SIGHUP is ignored: reloading is not built yet"); });
  for (const auto& loop : loops_) loop->start();
  start_apps();
  main_.run();
  for (const auto& loop : loops_) loop->join();
  log::info("stopped");
  return status_;
}

}  // namespace

int serve(std::shared_ptr<const config::Snapshot> snapshot, LogFiles& files, const std::string& self) {
  Service service(std::move(snapshot), files, self);
  return service.run();
}

}  // namespace edge
