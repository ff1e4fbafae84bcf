// Building everything from the snapshot, and the way to the first accepted connection.
#include "cmd/service.h"

#include <csignal>

#include "config/control_path.h"
#include "core/log.h"
#include "core/net/orphan_reaper.h"
#include "core/net/signal_watch.h"

namespace edge {

namespace {

std::vector<Loop*> loops_of(const Running& running) {
  std::vector<Loop*> loops;
  for (const auto& loop : running.loops) loops.push_back(&loop->loop());
  return loops;
}

}  // namespace

Service::Service(std::shared_ptr<const config::Snapshot> snapshot, LogFiles& files, const std::string& self,
                 const config::Environment& environment, Inheritance inherited)
    : self_(self),
      running_(files, std::move(inherited)),
      environment_(environment),
      reload_(running_, snapshot->process, environment) {
  running_.snapshot = std::move(snapshot);
  first_ = std::make_unique<Changeover>(running_, running_.snapshot, environment_);
}

Service::~Service() {
  first_.reset();
  running_.apps.clear();  // handlers die before pools, and pools before loops
}

/// The sockets first, as root where edge is root; what belongs to those who own edge's files later.
Result<void> Service::build() {
  raise_file_limit(snapshot().process);
  make_loops();
  if (Result<void> opened = running_.limits.open(snapshot().process); !opened) {
    status_ = kExitConfiguration;
    return opened;
  }
  if (Result<void> opened = first_->open_addresses(); !opened) {
    status_ = kExitListen;
    return opened;
  }
  status_ = kExitFailed;
  if (!running_.inherited.predecessor) {
    if (Result<void> written = write_pid_file(); !written) return written;
  }
  Result<RuntimeDir> runtime_dir = RuntimeDir::make(snapshot().process);
  if (!runtime_dir) return std::unexpected(runtime_dir.error());
  runtime_dir_ = std::move(*runtime_dir);
  running_.runtime_dir = runtime_dir_.path();
  if (Result<void> opened = open_control(); !opened) return opened;
  if (Result<void> loaded = first_->load_certificates(); !loaded) {
    status_ = kExitConfiguration;
    return loaded;
  }
  if (Result<void> made = make_state_dir(snapshot().process); !made) return made;
  if (Result<void> dropped = drop_privileges(snapshot()); !dropped) return dropped;
  if (Result<void> opened = first_->open_logs(); !opened) return opened;
  if (Result<void> opened = bans_.open(); !opened) return opened;
  running_.apps.set_up(loops_of(running_), runtime_dir_.path(), self_);
  first_->make_apps();
  first_->add_apps();
  if (Result<void> built = first_->build(); !built) return built;
  status_ = kExitOk;
  return {};
}

void Service::make_loops() {
  const config::Process& process = snapshot().process;
  for (unsigned i = 0; i < process.threads; ++i) {
    const int index = static_cast<int>(i);
    running_.loops.push_back(
        std::make_unique<EdgeLoop>(index, running_.connections, running_.guard, process.hot_files));
  }
}

/// Where nobody has named it, edge serves without one rather than not at all.
Result<void> Service::open_control() {
  const std::string& named = snapshot().process.control;
  const std::string path = named.empty() ? config::default_control_path(snapshot().file, environment_) : named;
  UniqueFd given = taken_over("unix:" + path);
  Result<std::unique_ptr<ControlServer>> opened =
      given ? ControlServer::take_over(running_.main, path, std::move(given), *this)
            : ControlServer::open(running_.main, path, *this);
  if (opened) {
    control_ = std::move(*opened);
  } else if (!named.empty()) {
    return fail(ErrorKind::internal, Side::ours, "edge.control: " + opened.error().context);
  } else {
    log::warn("no control socket, so `edge status` and `edge reload` do not work: {}", opened.error().context);
  }
  return {};
}

void Service::apps_started(const AppPool* failed) {
  if (!failed) return accept();
  log::error("app {} cannot be started: stopping", failed->name());
  status_ = kExitApp;
  if (!std::exchange(stop_begun_, true)) stop_apps();
}

void Service::accept() {
  if (stop_begun_) return;
  if (running_.inherited.predecessor) {
    if (const Result<void> written = write_pid_file(); !written) return give_up(written.error());
    bans_.take_over();
  }
  accepting_ = true;
  first_->commit([this](const Changeover::Done&) {
    if (stop_begun_) return;
    log::info("ready");
    running_.inherited.predecessor ? take_place() : running_.inherited.manager.ready();
    reload_.open();
  });
  first_.reset();
  watch_files();
}

int Service::run() {
  std::signal(SIGPIPE, SIG_IGN);
  running_.inherited.predecessor.tell_errors();
  if (const Result<void> built = build(); !built) {
    log::error("{}", built.error().context);
    return status_;
  }
  const OrphanReaper orphans(running_.main);
  const SignalWatch term(running_.main, SIGTERM, [this] { stop_asked("SIGTERM"); });
  const SignalWatch interrupt(running_.main, SIGINT, [this] { stop_asked("SIGINT"); });
  const SignalWatch reopen(running_.main, SIGUSR1,
                           [this] { Service::reopen([](const auto&) { log::info("SIGUSR1: log files reopened"); }); });
  const SignalWatch upgrade_asked(running_.main, SIGUSR2, [this] { upgrade_on_signal(); });
  const SignalWatch hang_up(running_.main, SIGHUP, [this] { reload_on_signal(); });
  begun_ = running_.main.now();
  started_at_ = running_.main.unix_seconds();
  for (const auto& loop : running_.loops) loop->start();
  watch_apps();  // before they are loaded, so that nothing that is saved meanwhile is missed
  first_->start_apps([this](const AppPool* failed) { apps_started(failed); });
  running_.main.run();
  for (const auto& loop : running_.loops) loop->join();
  log::info("stopped");
  return status_;
}

}  // namespace edge
