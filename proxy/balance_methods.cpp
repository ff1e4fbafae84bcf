// The methods of a balancer: each chooses one of the candidates.
#include <limits>
#include <random>
#include <utility>

#include "proxy/balancer.h"

namespace edge {
namespace {

/// Of the client's network, so that one who changes within it stays; empty without an address.
std::string_view network_of(const Address& client) {
  const char* const bytes = reinterpret_cast<const char*>(client.bytes.data());
  switch (client.family) {
    case Address::Family::ipv4:
      return {bytes, 3};
    case Address::Family::ipv6:
      return {bytes, 8};
    case Address::Family::none:
      return {};
  }
  std::unreachable();
}

}  // namespace

std::size_t Balancer::choose(const ServerGroup& group, const BalanceWish& wish) {
  switch (settings_.method) {
    case BalanceMethod::round_robin:
      return choose_in_turn();
    case BalanceMethod::least_conn:
      return choose_least(group);
    case BalanceMethod::random:
      return choose_of_two(group, wish.now);
    case BalanceMethod::ip_hash:
      return choose_by_hash(group, network_of(wish.client));
    case BalanceMethod::hash:
      return choose_by_hash(group, wish.hash_key);
  }
  std::unreachable();
}

std::size_t Balancer::choose_in_turn() {
  std::uint64_t total = 0;
  std::size_t best = candidates_.front().member;
  std::int64_t most = std::numeric_limits<std::int64_t>::min();
  for (const Candidate& candidate : candidates_) {
    total += candidate.weight;
    const std::int64_t owed = turns_.owe(candidate.member, candidate.weight);
    if (owed <= most) continue;
    most = owed;
    best = candidate.member;
  }
  turns_.pay(best, total);
  return best;
}

/// Equals take turns by weight, as all do while nothing is in flight.
std::size_t Balancer::choose_least(const ServerGroup& group) {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  std::size_t equals = 0;
  for (const Candidate candidate : candidates_) {
    const std::uint64_t in_flight = group.members()[candidate.member].server->in_flight();
    const std::uint64_t load = 1'000'000'000 * in_flight / candidate.weight;
    if (load > least) continue;
    if (load < least) equals = 0;
    least = load;
    candidates_[equals++] = candidate;
  }
  candidates_.resize(equals);
  return choose_in_turn();
}

/// The weights have their say in the draw; between the two only in how much a request in flight counts.
std::size_t Balancer::choose_of_two(const ServerGroup& group, std::uint64_t now) {
  const std::size_t first = draw(candidates_.size());
  if (candidates_.size() == 1) return candidates_[first].member;
  const std::size_t second = draw(first);
  const auto server = [&](std::size_t candidate) -> const Server& {
    return *group.members()[candidates_[candidate].member].server;
  };
  const Microseconds::rep latency = server(first).latency(now).count();
  const Microseconds::rep other_latency = server(second).latency(now).count();
  const bool are_known = latency != 0 && other_latency != 0;
  const auto mean = static_cast<double>(candidates_[first].weight + candidates_[second].weight) / 2;
  const auto load = [&](std::size_t candidate) {
    return 1 + server(candidate).in_flight() * mean / static_cast<double>(candidates_[candidate].weight);
  };
  const double cost = load(first) * (are_known ? static_cast<double>(latency) : 1);
  const double other_cost = load(second) * (are_known ? static_cast<double>(other_latency) : 1);
  return candidates_[other_cost < cost ? second : first].member;
}

/// By weight, a candidate other than `except`.
std::size_t Balancer::draw(std::size_t except) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < candidates_.size(); ++i) total += i == except ? 0 : candidates_[i].weight;
  std::uint64_t at = std::uniform_int_distribution<std::uint64_t>(0, total - 1)(random_);
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (i == except) continue;
    if (at < candidates_[i].weight) return i;
    at -= candidates_[i].weight;
  }
  std::unreachable();
}

std::size_t Balancer::choose_by_hash(const ServerGroup& group, std::string_view key) {
  if (key.empty() || group.ring().empty()) return choose_in_turn();
  const Tier tier = tiers_[candidates_.front().member];
  return group.ring().find(key, [this, tier](std::size_t member) { return tiers_[member] == tier; });
}

}  // namespace edge
