// What an app is doing, gathered from the main loop's own knowledge and from every loop.
#include <algorithm>
#include <chrono>

#include "appserver/app_pool.h"
#include "appserver/kernel_memory.h"

namespace edge {

namespace {

constexpr std::size_t kMostErrors = 10;

struct Gathering {
  AppStatus status;
  std::size_t loops_left = 0;
  std::move_only_function<void(AppStatus)> answer;
};

void add_running(AppStatus& status, const std::vector<RunningRequest>& running) {
  for (const RunningRequest& request : running) {
    for (GenerationStatus& generation : status.generations) {
      for (WorkerStatus& worker : generation.workers) {
        if (worker.pid == 0 || worker.pid != request.pid) continue;
        if (worker.state == "idle" || worker.state == "finishing") worker.state = "busy";
        worker.running.push_back(request);
      }
    }
  }
}

}  // namespace

void AppPool::on_trouble(std::string text) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  errors_.push_front({std::chrono::duration_cast<std::chrono::seconds>(now).count(), std::move(text)});
  if (errors_.size() > kMostErrors) errors_.pop_back();
}

AppStatus AppPool::own_status() const {
  AppStatus status{.name = name(), .generation = serving_ ? serving_->number() : 0, .queue = queue_.status()};
  if (stopping_)
    status.state = "stopping";
  else if (failed_)
    status.state = "failed";
  else if (!started_)
    status.state = "starting";
  else if (!serving_ || serving_->is_crashing())
    status.state = "crash loop";
  else
    status.state = coming_ ? "reloading" : "serving";
  for (const auto& generation : generations_) {
    GenerationStatus one = generation->status();
    if (generation.get() == kept_) {
      const auto kept = static_cast<std::uint64_t>(habits_.kept_for.count());
      one.kept_for = kept - std::min(kept, house_.main.now() - kept_since_);
    }
    for (WorkerStatus& worker : one.workers) worker.memory = resident_bytes(worker.pid).value_or(0);
    status.generations.push_back(std::move(one));
  }
  status.errors.assign(errors_.begin(), errors_.end());
  return status;
}

void AppPool::status(std::move_only_function<void(AppStatus)> answer) {
  const auto gathering = std::make_shared<Gathering>();
  gathering->status = own_status();
  gathering->answer = std::move(answer);
  gathering->loops_left = house_.loops.size();
  for (std::size_t i = 0; i < house_.loops.size(); ++i) {
    house_.loops[i]->post([&main = house_.main, lane = house_.lanes[i].get(), gathering] {
      main.post([gathering, running = lane->running()] {
        add_running(gathering->status, running);
        if (--gathering->loops_left == 0) gathering->answer(std::move(gathering->status));
      });
    });
  }
}

}  // namespace edge
