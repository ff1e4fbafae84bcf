// Adding, retiring and stopping apps.
#include "cmd/apps.h"

#include <algorithm>
#include <utility>

#include "core/log.h"

namespace edge {

void Apps::set_up(std::vector<Loop*> loops, std::string runtime_dir, std::string self_exe) {
  loops_ = std::move(loops);
  runtime_dir_ = std::move(runtime_dir);
  self_exe_ = std::move(self_exe);
}

Apps::App Apps::make(const config::App& app) {
  App made{.pool = std::make_unique<AppPool>(main_, loops_, app, runtime_dir_, self_exe_, AppPool::Habits()),
           .folders = std::make_shared<AppFolders>(app.name),
           .lease = {},
           .number = ++last_number_};
  // The last who holds it may be on any loop.
  const auto ended = [this, number = made.number](void*) { main_.post([this, number] { unreachable(number); }); };
  made.lease = std::shared_ptr<void>(this, ended);
  return made;
}

const Apps::App* Apps::find(const std::string& name) const {
  const auto at = std::ranges::find_if(apps_, [&name](const App& app) { return app.pool->name() == name; });
  return at == apps_.end() ? nullptr : &*at;
}

void Apps::arrange(const config::Snapshot& snapshot) {
  std::ranges::sort(apps_, {}, [&snapshot](const App& app) {
    return std::ranges::find(snapshot.apps, app.pool->name(), &config::App::name) - snapshot.apps.begin();
  });
}

void Apps::retire(const std::string& name) {
  const auto at = std::ranges::find_if(apps_, [&name](const App& app) { return app.pool->name() == name; });
  App app = std::move(*at);
  apps_.erase(at);
  retire(std::move(app));
}

void Apps::retire(App app) {
  leaving_.push_back(std::make_unique<Leaving>(Leaving{std::move(app)}));
  Leaving& leaving = *leaving_.back();
  leaving.app.lease.reset();
  if (!killed_.empty()) leaving.app.pool->kill(killed_);
  if (stopping_) end(leaving);
}

void Apps::unreachable(std::uint64_t number) {
  const auto at = std::ranges::find_if(leaving_, [number](const auto& one) { return one->app.number == number; });
  if (at != leaving_.end()) end(**at);
}

void Apps::end(Leaving& leaving) {
  if (std::exchange(leaving.stopping, true)) return;
  leaving.app.pool->stop([this, number = leaving.app.number] { forget(number); });
}

/// Once what was posted to the loops, and from there back, has been done.
void Apps::forget(std::uint64_t number) {
  const auto left = std::make_shared<std::size_t>(loops_.size());
  const auto passed = [this, left, number] {
    if (--*left > 0) return;
    std::erase_if(leaving_, [number](const auto& one) {
      const bool ends = one->app.number == number;
      if (ends) log::info("[{}] the app has ended", one->app.pool->name());
      return ends;
    });
    tell_if_stopped();
  };
  for (Loop* loop : loops_) {
    loop->post([this, passed] { main_.post(passed); });
  }
}

void Apps::stop(std::move_only_function<void()> done) {
  when_stopped_ = std::move(done);
  stopping_ = true;
  left_ = apps_.size();
  for (const auto& leaving : leaving_) end(*leaving);
  for (const App& app : apps_) {
    app.pool->stop([this] {
      --left_;
      tell_if_stopped();
    });
  }
  tell_if_stopped();
}

void Apps::tell_if_stopped() {
  if (left_ == 0 && leaving_.empty() && when_stopped_) std::exchange(when_stopped_, nullptr)();
}

void Apps::kill(const std::string& why) {
  killed_ = why;
  for (const App& app : apps_) app.pool->kill(why);
  for (const auto& leaving : leaving_) leaving->app.pool->kill(why);
}

void Apps::clear() {
  apps_.clear();
  leaving_.clear();
}

}  // namespace edge
