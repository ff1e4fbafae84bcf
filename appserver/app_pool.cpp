// Starting and stopping an app, and its zygote. The workers are in app_pool_workers.cpp.
#include "appserver/app_pool.h"

#include <cassert>

#include "appserver/app_handler.h"
#include "core/log.h"

namespace edge {

AppPool::AppPool(Loop& main, std::vector<Loop*> loops, const config::App& app, const std::string& runtime_dir,
                 const std::string& self_exe)
    : main_(main),
      loops_(loops),
      app_(app),
      self_exe_(self_exe),
      queue_(std::move(loops), {.waiting = app.queue, .depth = app.depth}),
      zygote_delay_(app.restart_delay, app.restart_max_delay) {
  for (Loop* loop : loops_) lanes_.push_back(std::make_unique<AppLane>(*loop, queue_, app_, runtime_dir));
  for (std::uint32_t i = 0; i < app_.processes; ++i) seats_.push_back(std::make_unique<Seat>(*this, i));
}

AppPool::~AppPool() {
  assert(!zygote_ && "an app was destroyed before it was stopped");
}

std::unique_ptr<Handler> AppPool::handler(Loop& loop, std::string script_name) {
  return std::make_unique<AppHandler>(*lanes_[static_cast<std::size_t>(loop.index())], std::move(script_name));
}

void AppPool::start(std::move_only_function<void(bool)> started) {
  when_started_ = std::move(started);
  Result<Interpreter> interpreter = Interpreter::find(app_, self_exe_);
  if (!interpreter) return give_up_start(interpreter.error().context);
  interpreter_ = std::move(*interpreter);
  Result<UniqueFd> gateway = gateway_memory();
  if (!gateway) return give_up_start(gateway.error().context);
  gateway_ = std::move(*gateway);
  spawn_zygote();
}

void AppPool::spawn_zygote() {
  imported_ = import_failed_ = false;
  zygote_since_ = main_.now();
  Result<std::unique_ptr<Zygote>> zygote = Zygote::start(main_, app_, interpreter_, gateway_.get(), *this);
  if (!zygote) {
    if (!started_) return give_up_start(zygote.error().context);
    log::error("[{}] {}", app_.name, zygote.error().context);
    return main_.arm(zygote_deadline_, zygote_delay_.next());
  }
  zygote_ = std::move(*zygote);
  main_.arm(zygote_deadline_, app_.start_timeout);
}

void AppPool::on_zygote_deadline() {
  if (!zygote_) return spawn_zygote();
  const bool hangs = !imported_;
  log::error("[{}] {} within start_timeout ({} ms)", app_.name,
             hangs ? "the app was not imported" : "not every worker was ready", app_.start_timeout.count());
  if (!started_) return give_up_start(hangs ? "its import takes too long" : "its workers do not become ready");
  if (hangs) zygote_->kill();
}

void AppPool::on_imported() {
  if (imported_) return;
  imported_ = true;
  if (started_) zygote_deadline_.disarm();  // until the first start is complete it holds for the workers too
  log::debug("[{}] imported by {} (pid {})", app_.name, interpreter_.file, zygote_->pid());
  if (stopping_) return;
  for (const auto& seat : seats_) want_worker(*seat);
}

void AppPool::on_import_failed(std::string_view text) {
  import_failed_ = true;
  if (text.starts_with(app_.name + ": ")) text.remove_prefix(app_.name.size() + 2);
  log::error("[{}] {}", app_.name, text);
}

void AppPool::on_zygote_ended(int status, int signal) {
  const pid_t pid = zygote_->pid();
  const bool expected = stopping_ || failed_ || import_failed_;
  if (!expected) {
    log::error("[{}] the process that holds the app (pid {}, {}) {}", app_.name, pid, interpreter_.file,
               how_it_ended(status, signal));
  }
  zygote_.reset();
  zygote_deadline_.disarm();
  forking_ = nullptr;
  for (const auto& seat : seats_) empty_seat(*seat);
  if (stopping_) return finish_if_ended();
  if (!started_) {
    return give_up_start(import_failed_ ? "it cannot be imported" : "its Python ended before the app was imported");
  }
  if (imported_ && main_.now() - zygote_since_ > RestartDelay::kGoodLife) zygote_delay_.reset();
  main_.arm(zygote_deadline_, zygote_delay_.next());
}

void AppPool::report(bool started) {
  zygote_deadline_.disarm();
  (started ? started_ : failed_) = true;
  main_.post([this, started, tell = std::exchange(when_started_, nullptr)]() mutable {
    if (tell && !stopping_) tell(started);
  });
}

void AppPool::give_up_start(std::string_view why) {
  if (std::exchange(failed_, true)) return;
  log::error("{}: apps.{}: the app cannot be started: {}", app_.place.text(), app_.name, why);
  if (zygote_) zygote_->kill();
  report(false);
}

void AppPool::close_queue() {
  if (std::exchange(stopping_, true)) return;
  queue_.stop(main_, [this] { on_queue_idle(); });
}

void AppPool::stop(std::move_only_function<void()> stopped) {
  when_stopped_ = std::move(stopped);
  close_queue();
  zygote_deadline_.disarm();
  if (!zygote_) return finish_if_ended();
  if (!started_ || !imported_) return kill();
  main_.arm(stop_deadline_, app_.shutdown_timeout);
}

void AppPool::on_queue_idle() {
  for (const auto& seat : seats_) {
    seat->disarm();
    if (seat->worker) seat->worker->quit();
  }
  if (zygote_) zygote_->stop();
}

void AppPool::on_stop_deadline() {
  log::warn("[{}] shutdown_timeout ({} ms) has passed: what is left of the app is killed", app_.name,
            app_.shutdown_timeout.count());
  kill();
}

void AppPool::kill() {
  close_queue();
  if (std::exchange(killed_, true)) return;
  queue_.refuse_waiting();
  for (const auto& seat : seats_) {
    seat->disarm();
    if (seat->worker) seat->worker->kill();
  }
  zygote_deadline_.disarm();
  if (zygote_) zygote_->kill();
}

void AppPool::finish_if_ended() {
  if (zygote_ || !when_stopped_ || std::exchange(closing_lanes_, true)) return;
  stop_deadline_.disarm();
  queue_.refuse_waiting();
  lanes_open_ = lanes_.size();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    loops_[i]->post([this, lane = lanes_[i].get()] {
      lane->close([this] {
        main_.post([this] {
          if (--lanes_open_ == 0) std::exchange(when_stopped_, nullptr)();
        });
      });
    });
  }
}

}  // namespace edge
