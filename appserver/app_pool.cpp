// Starting and stopping an app. Swaps of generations are in app_pool_swap.cpp, the status in app_pool_status.cpp.
#include "appserver/app_pool.h"

#include <algorithm>
#include <cassert>

#include "appserver/app_handler.h"
#include "core/log.h"

namespace edge {

AppQueue::Limits AppPool::queue_limits(const config::App& app) {
  return {.waiting = app.queue,
          .depth = app.depth,
          .grows = app.most_processes > app.processes,
          .blocked = app.request_timeout};
}

AppPool::AppPool(Loop& main, std::vector<Loop*> loops, const config::App& app, const std::string& runtime_dir,
                 const std::string& self_exe, const Habits& habits)
    : name_(app.name),
      app_(std::make_shared<const config::App>(app)),
      habits_(habits),
      queue_(loops, queue_limits(app)),
      house_{main, std::move(loops), queue_, {}, self_exe, {}, MemoryKills(habits.memory_kills)} {
  for (Loop* loop : house_.loops) {
    house_.lanes.push_back(std::make_unique<AppLane>(*loop, queue_, app_, runtime_dir));
    house_.lanes.back()->on_timeout([this](ExpiredRequest request) {
      house_.main.post([this, request = std::move(request)] {
        for (const auto& generation : generations_) generation->on_timeout(request);
      });
    });
  }
  queue_.watch(main, {.pressure =
                          [this] {
                            if (serving_) serving_->on_pressure();
                          },
                      .spent =
                          [this](const WorkerProcess& worker) {
                            for (const auto& generation : generations_) generation->on_spent(worker);
                          }});
}

AppPool::~AppPool() {
  assert(generations_.empty() && "an app was destroyed before it was stopped");
}

std::unique_ptr<Handler> AppPool::handler(Loop& loop, std::string script_name, bool cancel_on_disconnect) {
  AppLane& lane = *house_.lanes[static_cast<std::size_t>(loop.index())];
  return std::make_unique<AppHandler>(lane, std::move(script_name), cancel_on_disconnect);
}

void AppPool::start(std::move_only_function<void(bool)> started) {
  when_started_ = std::move(started);
  look_for_kills();
  Result<UniqueFd> gateway = gateway_memory();
  if (!gateway) {
    start_error_ = gateway.error().context;
    log::error("[{}] {}", name(), start_error_);
    return report(false);
  }
  house_.gateway = std::move(*gateway);
  coming_ = &make_generation(app_);
  coming_->start(app_->processes);
}

void AppPool::look_for_kills() {
  house_.memory_kills.look();
  house_.main.arm(next_look_for_kills_, habits_.looks_for_kills);
}

void AppPool::report(bool started) {
  (started ? started_ : failed_) = true;
  house_.main.post([this, started, tell = std::exchange(when_started_, nullptr)]() mutable {
    if (tell && !stopping_) tell(started);
  });
}

void AppPool::on_ready(Generation& generation) {
  if (stopping_) return;
  if (started_) return swap_in(generation, swaps_.front().differs);
  coming_ = nullptr;
  serving_ = &generation;
  generation.serve();
  report(true);
  if (!swaps_.empty()) house_.main.post([this] { begin_swap(); });
}

void AppPool::on_failed(Generation& generation, const std::string& why) {
  if (coming_ != &generation) return;
  if (started_) return end_swap(why);
  coming_ = nullptr;
  if (failed_ || stopping_) return;
  start_error_ = why;
  const std::size_t last_line = why.rfind('\n') + 1;  // what is before was logged when it came
  log::error("{}: apps.{}: the app cannot be started: {}", app_->place.text(), name(), why.substr(last_line));
  report(false);
}

/// Destroys it in a turn of its own: it is further up the stack.
void AppPool::on_ended(Generation& generation) {
  if (serving_ == &generation) serving_ = nullptr;
  if (kept_ == &generation) {
    kept_ = nullptr;
    keep_deadline_.disarm();
  }
  if (coming_ == &generation) end_swap("its processes have ended");
  house_.main.post([this, &generation] {
    std::erase_if(generations_, [&generation](const auto& owned) { return owned.get() == &generation; });
    finish_if_ended();
  });
}

void AppPool::close_queue() {
  if (std::exchange(stopping_, true)) return;
  queue_.stop(house_.main, [this] { on_queue_idle(); });
  if (coming_) coming_->give_up();
  while (!swaps_.empty()) end_swap("the app is stopping");
}

void AppPool::stop(std::move_only_function<void()> stopped) {
  when_stopped_ = std::move(stopped);
  close_queue();
  if (generations_.empty()) return finish_if_ended();
  if (!started_ || !serving_) return kill("the app is stopping");
  house_.main.arm(stop_deadline_, app_->shutdown_timeout);
}

void AppPool::on_queue_idle() {
  keep_deadline_.disarm();
  for (const auto& generation : generations_) generation->leave(false);
}

void AppPool::on_stop_deadline() {
  const std::string why = fmt::format("shutdown_timeout ({} ms) has passed", app_->shutdown_timeout.count());
  log::warn("[{}] {}: what is left of the app is killed", name(), why);
  kill(why);
}

void AppPool::kill(const std::string& why) {
  close_queue();
  if (std::exchange(killed_, true) || closing_lanes_) return;  // nothing is under way once lanes are closed
  queue_.refuse_waiting();
  house_.cut_off(nullptr, why);
  for (const auto& generation : generations_) generation->kill();
}

void AppPool::finish_if_ended() {
  if (!generations_.empty() || !when_stopped_ || std::exchange(closing_lanes_, true)) return;
  stop_deadline_.disarm();
  next_look_for_kills_.disarm();
  queue_.refuse_waiting();
  lanes_open_ = house_.lanes.size();
  for (std::size_t i = 0; i < house_.lanes.size(); ++i) {
    house_.loops[i]->post([this, lane = house_.lanes[i].get()] {
      lane->close([this] {
        house_.main.post([this] {
          if (--lanes_open_ == 0) std::exchange(when_stopped_, nullptr)();
        });
      });
    });
  }
}

}  // namespace edge
