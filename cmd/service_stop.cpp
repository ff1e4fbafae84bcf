// Stopping: gracefully, or at once.
#include <fmt/format.h>

#include <chrono>

#include "cmd/service.h"
#include "core/log.h"

namespace edge {

void Service::stop_asked(const std::string& by) {
  if (std::exchange(stop_asked_, true)) return cut("it was asked for a second time");
  if (std::exchange(stop_begun_, true)) return;
  upgrade_.cancel();
  log::info("{}: stopping when what is under way is answered, within {} s", by,
            std::chrono::duration_cast<std::chrono::seconds>(snapshot().process.shutdown_timeout).count());
  if (!running_.inherited.predecessor.serves()) running_.inherited.manager.stopping();
  settle("edge.shutdown_timeout", snapshot().process.shutdown_timeout);
  drain();
}

/// Nothing changes any more, and what is under way has its time to end, by the setting `key`.
void Service::settle(std::string_view key, Milliseconds limit) {
  watched_.clear();
  certificates_.watch.reset();
  renew_certificates_.disarm();
  access_renewal_.stop();
  reload_.stop();
  running_.keepers.end();
  stop_limit_ = fmt::format("{} ({} ms)", key, limit.count());
  running_.main.arm(stop_deadline_, limit);
}

void Service::drain() {
  if (!accepting_) return stop_apps();
  running_.addresses.close();
  draining_ = running_.loops.size();
  for (const auto& loop : running_.loops) {
    loop->drain(left_, [this] {
      running_.main.post([this] {
        if (--draining_ == 0) stop_apps();
      });
    });
  }
}

void Service::stop_apps() {
  reload_.stop();
  reload_.when_stopped([this] { running_.apps.stop([this] { finish(); }); });
}

void Service::cut(const std::string& why) {
  if (finishing_ || std::exchange(cut_, true)) return;
  log::warn("stopping at once: {}", why);
  status_ = kExitCut;
  running_.apps.kill(why);
  killing_ = running_.loops.size();
  // Once the loops have told the clients of what was cut off.
  for (const auto& loop : running_.loops) {
    loop->loop().post([this, at = loop.get()] { running_.main.post([this, at] { kill(*at); }); });
  }
}

void Service::kill(EdgeLoop& loop) {
  loop.kill([this](std::size_t serving) {
    running_.main.post([this, serving] {
      cut_off_ += serving;
      if (--killing_ > 0) return;
      if (cut_off_ > 0) {
        log::warn("{} connection{} cut off in a request or its answer", cut_off_, cut_off_ == 1 ? " is" : "s are");
      }
      if (finishing_) finish();
    });
  });
}

void Service::finish() {
  finishing_ = true;
  if (upgrade_.under_way() || killing_ > 0) return;  // their ends lead here again
  stop_deadline_.disarm();
  bans_.close();
  if (!control_) return running_.main.stop();
  control_->close([this] { running_.main.stop(); });
}

}  // namespace edge
