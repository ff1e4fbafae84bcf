// One deadline a server: until the next check, or until the present one has lasted too long.
#include "proxy/health_check.h"

#include <algorithm>
#include <optional>

#include "core/detached.h"
#include "core/log.h"
#include "proxy/health_count.h"

namespace edge {
namespace {

// Deadlines of a loop are of few durations, so a random time is one of a few.
constexpr int kSteps = 8;
constexpr Milliseconds kLongestBeginning{1'000};

}  // namespace

struct HealthCheck::Shared {
  Shared(Loop& main, HealthSettings from, Probe asks, std::uint32_t seed, std::function<void()> tells)
      : loop(main), settings(std::move(from)), probe(std::move(asks)), changed(std::move(tells)), random(seed) {}

  /// The first checks are spread, over a second at most.
  Milliseconds until_first() {
    const int step = static_cast<int>(random() % kSteps);
    return Milliseconds(1) + std::min(settings.interval, kLongestBeginning) * step / kSteps;
  }
  Milliseconds until_next() {
    const Milliseconds fifth = settings.interval / 5;
    const int step = static_cast<int>(random() % (kSteps + 1));
    return std::max(Milliseconds(1), settings.interval - fifth / 2 + fifth * step / kSteps);
  }
  bool accepts(int status) const {
    return std::ranges::any_of(settings.statuses,
                               [status](const auto& range) { return status >= range.first && status <= range.second; });
  }

  Loop& loop;
  const HealthSettings settings;
  const Probe probe;
  const std::function<void()> changed;
  std::minstd_rand random;
};

class HealthCheck::Checked final : public Deadline, public std::enable_shared_from_this<Checked> {
 public:
  Checked(std::shared_ptr<Shared> shared, std::shared_ptr<Server> server)
      : shared_(std::move(shared)),
        server_(std::move(server)),
        count_(shared_->settings.rise, shared_->settings.fall, !server_->is_held_down()) {}

  const Server& server() const { return *server_; }
  const std::string& reason() const { return reason_; }

  void begin() { shared_->loop.arm(*this, shared_->until_first()); }
  void end() {
    ended_ = true;
    disarm();
    if (under_way_) under_way_->request();
  }

 private:
  void on_deadline() override {
    if (under_way_) {
      too_long_ = true;
      under_way_->request();
    } else {
      detach(check(shared_from_this()));
    }
  }

  static Task<void> check(std::shared_ptr<Checked> self) {
    Shared& shared = *self->shared_;
    self->too_long_ = false;
    self->under_way_.emplace();
    shared.loop.arm(*self, shared.settings.timeout);
    const Result<int> status = co_await shared.probe(self->server_, *self->under_way_);
    self->under_way_.reset();
    if (self->ended_) co_return;
    self->take(status);
    shared.loop.arm(*self, shared.until_next());
  }

  void take(const Result<int>& status) {
    if (too_long_) {
      reason_ = fmt::format("no answer within {} ms", shared_->settings.timeout.count());
    } else if (!status) {
      reason_ =
          status.error().context.empty() ? std::string(failure_text(status.error().kind)) : status.error().context;
    } else {
      reason_ = shared_->accepts(*status) ? std::string() : fmt::format("it answered with status {}", *status);
    }
    if (count_.take(reason_.empty())) tell();
  }

  void tell() {
    if (count_.is_up()) {
      server_->let_up(shared_->loop.now());
      log::info("[{}] server {} is up again: {} health checks in a row were good", server_->upstream(), server_->name(),
                shared_->settings.rise);
    } else {
      server_->hold_down();
      log::warn("[{}] server {} is down: {} health checks in a row failed, at last: {}", server_->upstream(),
                server_->name(), shared_->settings.fall, reason_);
    }
    shared_->changed();
  }

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Server> server_;
  HealthCount count_;
  std::optional<Cancellation> under_way_;
  std::string reason_;
  bool too_long_ = false;
  bool ended_ = false;
};

HealthCheck::HealthCheck(Loop& main, HealthSettings settings, Probe probe, std::uint32_t seed,
                         std::function<void()> changed)
    : shared_(std::make_shared<Shared>(main, std::move(settings), std::move(probe), seed, std::move(changed))) {}

HealthCheck::~HealthCheck() {
  for (const std::shared_ptr<Checked>& checked : checked_) checked->end();
}

void HealthCheck::watch(const ServerGroup& group) {
  std::vector<std::shared_ptr<Checked>> before = std::exchange(checked_, {});
  for (const ServerGroup::Member& member : group.members()) {
    if (member.down) continue;
    const auto is_it = [&member](const auto& checked) { return checked && &checked->server() == member.server.get(); };
    const auto known = std::ranges::find_if(before, is_it);
    if (known != before.end()) {
      checked_.push_back(std::move(*known));
      continue;
    }
    checked_.push_back(std::make_shared<Checked>(shared_, member.server));
    checked_.back()->begin();
  }
  for (const std::shared_ptr<Checked>& gone : before)
    if (gone) gone->end();
}

std::string_view HealthCheck::reason(const Server& server) const {
  const auto is_it = [&server](const auto& checked) { return &checked->server() == &server; };
  const auto found = std::ranges::find_if(checked_, is_it);
  return found == checked_.end() ? std::string_view() : std::string_view((*found)->reason());
}

}  // namespace edge
