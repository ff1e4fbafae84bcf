// Stopping: gracefully, or at once.
#include <chrono>

#include "cmd/service.h"
#include "core/log.h"

namespace edge {

void Service::stop_asked(const std::string& by) {
  if (std::exchange(stop_asked_, true)) return cut("it was asked for a second time");
  if (std::exchange(stop_begun_, true)) return;
  watched_.clear();
  log::info("{}: stopping when what is under way is answered, within {} s", by,
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
  reload_.stop([this] {
    if (!control_) return main_.stop();
    control_->close([this] { main_.stop(); });
  });
}

}  // namespace edge
