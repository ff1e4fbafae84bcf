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

/// Equals take turns.
std::size_t Balancer::choose_least(const ServerGroup& group) {
  const auto load = [&group](const Candidate& candidate) {
    return 1'000'000'000 * (std::uint64_t{group.members()[candidate.member].server->in_flight()} + 1) /
           candidate.weight;
  };
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  std::size_t equals = 0;
  for (const Candidate candidate : candidates_) {
    const std::uint64_t its = load(candidate);
    if (its > least) continue;
    if (its < least) equals = 0;
    least = its;
    candidates_[equals++] = candidate;
  }
  candidates_.resize(equals);
  return choose_in_turn();
}

std::size_t Balancer::choose_of_two(const ServerGroup& group, std::uint64_t now) {
  const std::size_t one = draw(candidates_.size());
  if (candidates_.size() == 1) return candidates_[one].member;
  const std::size_t two = draw(one);
  const Server& first = *group.members()[candidates_[one].member].server;
  const Server& second = *group.members()[candidates_[two].member].server;
  double first_cost = 1;
  double second_cost = 1;
  const Microseconds first_latency = first.latency(now);
  const Microseconds second_latency = second.latency(now);
  if (first_latency.count() != 0 && second_latency.count() != 0) {
    first_cost = static_cast<double>(first_latency.count());
    second_cost = static_cast<double>(second_latency.count());
  }
  first_cost *= (first.in_flight() + 1.0) / static_cast<double>(candidates_[one].weight);
  second_cost *= (second.in_flight() + 1.0) / static_cast<double>(candidates_[two].weight);
  return candidates_[second_cost < first_cost ? two : one].member;
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
