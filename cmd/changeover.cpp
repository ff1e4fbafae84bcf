// Making what is new, and putting it in the place of what is old.
#include "cmd/changeover.h"

#include <algorithm>
#include <utility>

#include "core/net/close_elsewhere.h"

namespace edge {

namespace {

constexpr std::uint64_t kLookUpTime = 3'000;  // milliseconds

}  // namespace

Result<void> Changeover::open_addresses() {
  Result<Addresses::Added> opened = running_.addresses.open(*to_, running_.loops.size());
  if (!opened) return std::unexpected(std::move(opened.error()));
  added_ = std::move(*opened);
  return {};
}

/// Of access logs; one may be there more than once.
std::vector<std::string> Changeover::log_paths() const {
  std::vector<std::string> paths;
  const auto add = [&paths](const std::optional<config::AccessTarget>& target) {
    if (target) paths.push_back(target->path);
  };
  add(to_->log.access);
  for (const config::Site& site : to_->sites) {
    add(site.access);
    for (const config::Route& route : site.routes) add(route.access);
  }
  return paths;
}

Result<void> Changeover::open_nothing() {
  touches_nothing_ = true;
  parts_.snapshot = to_;
  Result<std::shared_ptr<LogFile>> nowhere = running_.files.open("/dev/null");
  if (!nowhere) return std::unexpected(std::move(nowhere.error()));
  for (const std::string& path : log_paths()) parts_.logs.emplace(path, *nowhere);
  return {};
}

Result<void> Changeover::open_logs() {
  parts_.snapshot = to_;
  // With the last that writes to them, files may have become of no use.
  const auto ended = [&running = running_](void*) {
    running.main.post([&running] {
      for (auto& file : running.files.take_unused()) end_elsewhere(running.main, std::move(file));
    });
  };
  parts_.end = std::shared_ptr<void>(this, ended);
  Result<std::shared_ptr<LogFile>> errors = running_.files.open(to_->log.error);
  if (!errors) return std::unexpected(std::move(errors.error()));
  error_log_ = std::move(*errors);
  for (const std::string& path : log_paths()) {
    Result<std::shared_ptr<LogFile>> file = running_.files.open(path);
    if (!file) return std::unexpected(std::move(file.error()));
    parts_.logs.emplace(path, std::move(*file));
  }
  return {};
}

void Changeover::make_apps() {
  for (const config::App& app : to_->apps) {
    if (is_new(app)) new_apps_.push_back(running_.apps.make(app));
    const Apps::App& of = is_new(app) ? new_apps_.back() : *running_.apps.find(app.name);
    parts_.apps.emplace(app.name, EditionParts::App{of.pool.get(), of.folders, of.lease});
  }
  for (const Apps::App& app : new_apps_) to_start_.push_back(app.pool.get());
}

void Changeover::add_apps() {
  for (Apps::App& app : new_apps_) running_.apps.add(std::move(app));
  new_apps_.clear();
}

Result<void> Changeover::load_certificates() {
  std::vector<std::string>* const broken = keeps_what_breaks_ ? &broken_ : nullptr;
  auto loaded = Certificates::load(*to_, running_.tickets, running_.certificates.get(), environment_,
                                   touches_nothing_ ? Development::leave_out : Development::make, broken);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  parts_.certificates = std::move(*loaded);
  std::vector<Loop*> loops;
  for (const auto& loop : running_.loops) loops.push_back(&loop->loop());
  auto upstreams = make_upstreams(*to_, running_.upstreams, loops, broken);
  if (!upstreams) return std::unexpected(std::move(upstreams.error()));
  parts_.upstreams = std::move(*upstreams);
  parts_.spool_directory = running_.runtime_dir;
  return {};
}

Result<void> Changeover::build() {
  if (!parts_.certificates) {
    if (Result<void> loaded = load_certificates(); !loaded) return loaded;
  }
  if (known_access_ && known_access_->are_of(*to_)) {
    parts_.access = known_access_;
  } else {
    auto loaded = AccessLists::load(to_, running_.main);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    parts_.access = std::move(*loaded);
  }
  parts_.limits = &running_.limits;
  auto users = read_users_files(*to_, running_.users_files);
  if (!users) return std::unexpected(std::move(users.error()));
  parts_.guards = {std::move(*users), running_.password_checks};
  for (const auto& loop : running_.loops) {
    auto built = LoopEdition::build(loop->place(), parts_);
    if (!built) return std::unexpected(std::move(built.error()));
    editions_.push_back(std::move(*built));
  }
  return {};
}

void Changeover::start_apps(std::move_only_function<void(const AppPool*)> done) {
  when_started_ = std::move(done);
  starting_ = 1;
  const auto ready = [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired() && --starting_ == 0 && when_started_) std::exchange(when_started_, nullptr)(nullptr);
  };
  make_keepers();
  ++starting_;
  when_looked_up_ = ready;
  looked_up_by_ = running_.main.now() + kLookUpTime;
  await_names();
  for (const auto& [name, app] : parts_.apps) {
    AppPool& pool = *app.pool;
    if (std::ranges::find(to_start_, &pool) == to_start_.end()) {
      if (!app.folders->wants_opening() || !pool.finds_folders()) continue;
      ++starting_;
      pool.open_folders_again(ready);
      continue;
    }
    if (app.folders->wants_opening()) pool.find_folders(app.folders->opener());
    ++starting_;
    pool.start([this, &pool, ready, alive = std::weak_ptr(alive_)](bool started) {
      if (started) return ready();
      if (!alive.expired() && when_started_) std::exchange(when_started_, nullptr)(&pool);
    });
  }
  running_.main.post(ready);
}

/// A name that is not known in time may be later: requests to it fail until then, and nothing else waits for it.
void Changeover::await_names() {
  constexpr Milliseconds kPause{10};
  const bool ready = std::ranges::all_of(new_keepers_, [](const auto& one) { return one.second->is_ready(); });
  if (!ready && running_.main.now() < looked_up_by_) return running_.main.arm(look_at_names_, kPause);
  std::exchange(when_looked_up_, nullptr)();
}

void Changeover::commit(std::move_only_function<void(Done)> done) {
  const auto told = std::make_shared<Done>();
  running_.files.log_errors_to(std::move(error_log_), to_->log.level);
  running_.connections.most = to_->process.max_connections;
  for (const Apps::App& app : new_apps_) told->started.push_back(app.pool->name());
  add_apps();
  for (const Apps::App& app : running_.apps.all()) {
    const std::string& name = app.pool->name();
    if (std::ranges::find(to_->apps, name, &config::App::name) == to_->apps.end()) told->removed.push_back(name);
  }
  told->addresses = running_.addresses.turn_to(*to_, std::move(added_.addresses));
  running_.snapshot = to_;
  running_.certificates = parts_.certificates;
  running_.upstreams = parts_.upstreams;
  running_.keepers.turn_to(parts_.upstreams, std::move(new_keepers_));
  const bool renewed_meanwhile = running_.access != known_access_ && running_.access->are_of(*to_);
  if (!renewed_meanwhile) running_.access = parts_.access;
  running_.staplings.turn_to(*running_.certificates);
  running_.users_files = parts_.guards.users_files;
  running_.users_watch.turn_to(running_.users_files);
  turn_loops(told, std::move(done));
  for (const auto& loop : running_.loops) {
    if (renewed_meanwhile) loop->renew_access(running_.access, [] {});
  }
  for (const std::string& name : told->removed) running_.apps.retire(name);
  running_.apps.arrange(*to_);
}

void Changeover::turn_loops(const std::shared_ptr<Done>& told, std::move_only_function<void(Done)> done) {
  const auto left = std::make_shared<std::size_t>(running_.loops.size());
  const auto then = std::make_shared<std::move_only_function<void(Done)>>(std::move(done));
  const std::string http = running_.addresses.http();
  for (std::size_t i = 0; i < running_.loops.size(); ++i) {
    EdgeLoop::Turn turn{std::move(editions_[i]), std::move(added_.listeners[i]), http};
    running_.loops[i]->turn_to(std::move(turn), [&main = running_.main, left, then, told] {
      main.post([left, then, told] {
        if (--*left == 0) (*then)(std::move(*told));
      });
    });
  }
  editions_.clear();
  parts_ = {};  // the loops have their own now
}

void Changeover::abandon() {
  when_started_ = nullptr;
  alive_.reset();
  look_at_names_.disarm();
  new_keepers_.clear();
  editions_.clear();
  added_ = {};
  error_log_.reset();
  for (Apps::App& app : new_apps_) running_.apps.retire(std::move(app));
  new_apps_.clear();
  to_start_.clear();
  parts_ = {};
}

}  // namespace edge
