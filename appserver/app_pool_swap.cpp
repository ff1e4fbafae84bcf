// Swapping generations: reload, restart and rollback.
#include <fmt/format.h>

#include <algorithm>

#include "appserver/app_pool.h"
#include "core/log.h"

namespace edge {

Generation& AppPool::make_generation(std::shared_ptr<const config::App> app) {
  Generation::Owner& told = *this;
  generations_.push_back(std::make_unique<Generation>(house_, told, std::move(app), ++last_number_));
  return *generations_.back();
}

void AppPool::reload(const config::App& app, bool differs, Swapped swapped) {
  ask_for(std::make_shared<const config::App>(app), differs, std::move(swapped));
}

void AppPool::rollback(Swapped swapped) {
  ask_for(nullptr, true, std::move(swapped));
}

/// What is asked for while a swap is under way comes after it, and once for all who ask for the same.
void AppPool::ask_for(std::shared_ptr<const config::App> app, bool differs, Swapped swapped) {
  const bool is_rollback = app == nullptr;
  const bool joins = swaps_.size() > 1 && (swaps_.back().app == nullptr) == is_rollback;
  if (!joins) swaps_.emplace_back();
  swaps_.back().app = std::move(app);
  swaps_.back().differs |= differs;
  swaps_.back().told.push_back(std::move(swapped));
  if (swaps_.size() == 1) house_.main.post([this] { begin_swap(); });
}

void AppPool::begin_swap() {
  if (swaps_.empty() || coming_) return;
  swap_since_ = house_.main.now();
  if (stopping_ || !started_ || !serving_)
    return end_swap(stopping_ ? "the app is stopping" : "the app is not serving");
  const std::shared_ptr<const config::App> app = swaps_.front().app;
  if (app) {
    coming_ = &make_generation(app);
    coming_->start(std::clamp(serving_->target(), app->processes, app->most_processes));
    return;
  }
  if (!kept_) {
    return end_swap(
        fmt::format("there is no generation to go back to: the one before is kept for {} minutes, and only "
                    "if it had preload: true",
                    std::chrono::duration_cast<std::chrono::minutes>(habits_.kept_for).count()));
  }
  coming_ = std::exchange(kept_, nullptr);
  keep_deadline_.disarm();
  const std::shared_ptr<const config::App>& before = coming_->app();
  if (coming_->revive(std::clamp(serving_->target(), before->processes, before->most_processes))) return;
  end_swap("the generation before has ended");
}

void AppPool::swap_in(Generation& next, bool keeps_old) {
  Generation* const old = serving_;
  app_ = next.app();
  use_settings(app_);
  serving_ = &next;
  next.serve();
  if (old) {
    old->leave(keeps_old);
    if (old->keeps()) {
      keep(old);
    } else if (keeps_old) {
      forget_kept();  // it is not the one before any more
    }
  }
  log::info("[{}] generation {} serves after {} ms", name(), next.number(), house_.main.now() - swap_since_);
  end_swap({});
}

void AppPool::end_swap(const std::string& error) {
  Generation* const next = std::exchange(coming_, nullptr);
  if (swaps_.empty()) return;
  swap_failed_ = !error.empty() && next && swaps_.front().app;
  SwapResult result{.ok = error.empty(), .generation = serving_ ? serving_->number() : 0, .error = error};
  if (!result.ok && next) {
    const std::string why = fmt::format("generation {} does not serve: {}; generation {} goes on", next->number(),
                                        error.substr(error.rfind('\n') + 1), result.generation);
    log::error("[{}] {}", name(), why);
    on_trouble(why + '\n' + error);
  }
  for (Swapped& tell : swaps_.front().told) {
    house_.main.post([tell = std::move(tell), result]() mutable { tell(std::move(result)); });
  }
  swaps_.pop_front();
  if (!swaps_.empty()) house_.main.post([this] { begin_swap(); });
}

/// New requests go by these settings on every loop.
void AppPool::use_settings(const std::shared_ptr<const config::App>& app) {
  queue_.set_limits(queue_limits(*app));
  for (std::size_t i = 0; i < house_.lanes.size(); ++i) {
    house_.loops[i]->post([lane = house_.lanes[i].get(), app] { lane->use(app); });
  }
}

void AppPool::keep(Generation* generation) {
  forget_kept();
  kept_ = generation;
  kept_since_ = house_.main.now();
  house_.main.arm(keep_deadline_, habits_.kept_for);
}

void AppPool::forget_kept() {
  keep_deadline_.disarm();
  if (Generation* const old = std::exchange(kept_, nullptr)) old->leave(false);
}

void AppPool::open_folders_again(std::move_only_function<void()> opened) {
  if (!serving_) return house_.main.post(std::move(opened));
  serving_->open_folders_again(std::move(opened));
}

void AppPool::ask_changed(std::move_only_function<void(std::string)> answer) {
  if (swap_failed_) return answer("the last reload failed");
  if (!serving_) return answer("the app does not serve");
  serving_->ask_changed(std::move(answer));
}

}  // namespace edge
