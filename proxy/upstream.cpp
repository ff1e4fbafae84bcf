// What loops tell each other of an upstream.
#include "proxy/upstream.h"

#include <utility>

#include "proxy/upstream_lane.h"

namespace edge {

namespace {

BalanceMethod method_of(config::Balance::By by) {
  using By = config::Balance::By;
  switch (by) {
    case By::round_robin:
      return BalanceMethod::round_robin;
    case By::least_conn:
      return BalanceMethod::least_conn;
    case By::random:
      return BalanceMethod::random;
    case By::ip_hash:
      return BalanceMethod::ip_hash;
    case By::hash:
      break;
  }
  return BalanceMethod::hash;
}

}  // namespace

Upstream::Upstream(config::Upstream settings, std::shared_ptr<const TlsClientContext> tls,
                   const std::vector<Loop*>& loops)
    : settings_(std::move(settings)),
      tls_(std::move(tls)),
      balance_{method_of(settings_.balance.by), {settings_.eject.failures, settings_.eject.time}, settings_.slow_start},
      fastcgi_{settings_.fastcgi.root, settings_.fastcgi.index},
      group_(std::make_shared<ServerGroup>(std::vector<ServerGroup::Member>(), uses_ring(balance_.method))) {
  if (!settings_.sticky.cookie.empty()) {
    sticky_.emplace(StickyCookie::Settings{settings_.name, settings_.sticky.cookie, settings_.sticky.time},
                    sticky_key(settings_.sticky.key));
  }
  for (Loop* const loop : loops) {
    marks_.push_back(std::make_unique<Mark>());
    marks_.back()->loop = loop;
  }
}

Upstream::~Upstream() = default;

std::shared_ptr<UpstreamLane> Upstream::lane(const std::shared_ptr<Upstream>& upstream, std::size_t loop) {
  const std::lock_guard lock(upstream->lock_);
  Mark& mark = *upstream->marks_[loop];
  std::shared_ptr<UpstreamLane> lane = mark.lane.lock();
  if (!lane) {
    lane = std::make_shared<UpstreamLane>(*mark.loop, loop, upstream, upstream->group_);
    mark.lane = lane;
  }
  return lane;
}

std::shared_ptr<const ServerGroup> Upstream::group() const {
  const std::lock_guard lock(lock_);
  return group_;
}

void Upstream::use(std::shared_ptr<const ServerGroup> group) {
  const std::lock_guard lock(lock_);
  group_ = std::move(group);
  for (const std::unique_ptr<Mark>& mark : marks_) {
    mark->loop->post([lane = mark->lane, group = group_] {
      if (const std::shared_ptr<UpstreamLane> alive = lane.lock()) alive->use(group);
    });
  }
}

void Upstream::set_waiting(std::size_t loop, std::uint32_t count) {
  marks_[loop]->waiting.store(count, std::memory_order_relaxed);
  // Before it looks at the servers once more: whoever leaves a place either sees the mark, or is seen to have left.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

template <class What>
void Upstream::tell(Mark& mark, What what) {
  const std::lock_guard lock(lock_);
  mark.loop->post([lane = mark.lane, what = std::move(what)] {
    if (const std::shared_ptr<UpstreamLane> alive = lane.lock()) what(*alive);
  });
}

void Upstream::pass_on(const std::shared_ptr<Server>& server, std::size_t origin, std::size_t from) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto next = [this](std::size_t loop) { return (loop + 1) % marks_.size(); };
  for (std::size_t i = next(from); i != origin; i = next(i)) {
    if (marks_[i]->waiting.load(std::memory_order_relaxed) == 0) continue;
    return tell(*marks_[i], [server, origin](UpstreamLane& lane) { lane.place_was_left(server, origin); });
  }
}

void Upstream::servers_changed() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (const std::unique_ptr<Mark>& mark : marks_) {
    if (mark->waiting.load(std::memory_order_relaxed) == 0) continue;
    tell(*mark, [](UpstreamLane& lane) { lane.servers_changed(); });
  }
}

std::uint32_t Upstream::waiting() const {
  std::uint32_t sum = 0;
  for (const std::unique_ptr<Mark>& mark : marks_) sum += mark->waiting.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace edge
