// Which servers may be asked, in which order of resort; the methods are in balance_methods.cpp.
#include "proxy/balancer.h"

#include <utility>

namespace edge {

std::string_view text_of(NoServer why) {
  switch (why) {
    case NoServer::no_address:
      return "none of its servers' names has been resolved yet";
    case NoServer::none_alive:
      return "all of its servers are down";
    case NoServer::all_tried:
      return "all of its servers that are alive were tried";
    case NoServer::all_full:
      return "all of its servers are at max_connections";
  }
  std::unreachable();
}

Balancer::Balancer(BalanceSettings settings, std::uint32_t seed) : settings_(settings), random_(seed) {}

std::expected<ServerUse, NoServer> Balancer::pick(const ServerGroup& group, const BalanceWish& wish) {
  if (group.members().empty()) return std::unexpected(NoServer::no_address);
  turns_.follow(group, random_);
  look(group, wish);
  ServerUse preferred = pick_preferred(group, wish);
  if (preferred) return preferred;
  for (const Tier tier : {alive, backup_alive, ejected, backup_ejected}) {
    ServerUse use = pick_in(tier, group, wish);
    if (use) return use;
    if (full_[tier]) return std::unexpected(NoServer::all_full);
  }
  return std::unexpected(seen_tried_ ? NoServer::all_tried : NoServer::none_alive);
}

void Balancer::look(const ServerGroup& group, const BalanceWish& wish) {
  full_.fill(false);
  seen_tried_ = false;
  tiers_.clear();
  for (const ServerGroup::Member& member : group.members()) tiers_.push_back(tier_of(member, wish));
}

Balancer::Tier Balancer::tier_of(const ServerGroup::Member& member, const BalanceWish& wish) {
  const Standing standing = member.server->standing(wish.now);
  if (member.down || standing == Standing::held_down) return never;
  if (wish.tried.has(*member.server)) {
    seen_tried_ = true;
    return never;
  }
  Tier tier = member.backup ? backup_alive : alive;
  if (standing == Standing::ejected) tier = member.backup ? backup_ejected : ejected;
  const bool is_full = member.max_connections != 0 && member.server->in_flight() >= member.max_connections;
  if (!is_full) return tier;
  full_[tier] = true;
  return never;
}

ServerUse Balancer::pick_preferred(const ServerGroup& group, const BalanceWish& wish) {
  if (!wish.preferred) return {};
  for (std::size_t i = 0; i < tiers_.size(); ++i) {
    if (group.members()[i].server.get() != wish.preferred) continue;
    return tiers_[i] == alive || tiers_[i] == backup_alive ? take(i, group, wish.now) : ServerUse();
  }
  return {};
}

ServerUse Balancer::pick_in(Tier tier, const ServerGroup& group, const BalanceWish& wish) {
  for (gather(tier, group, wish.now); !candidates_.empty(); gather(tier, group, wish.now)) {
    ServerUse use = take(choose(group, wish), group, wish.now);
    if (use) return use;
  }
  return {};
}

void Balancer::gather(Tier tier, const ServerGroup& group, std::uint64_t now) {
  candidates_.clear();
  for (std::size_t i = 0; i < tiers_.size(); ++i) {
    if (tiers_[i] != tier) continue;
    const ServerGroup::Member& member = group.members()[i];
    const std::uint64_t share = member.server->share(now, settings_.slow_start);
    candidates_.push_back({.member = i, .weight = share * member.weight});
  }
}

/// What another loop was faster to take is no candidate of that tier any more.
ServerUse Balancer::take(std::size_t index, const ServerGroup& group, std::uint64_t now) {
  const ServerGroup::Member& member = group.members()[index];
  Tier& tier = tiers_[index];
  const bool regardless = tier == ejected || tier == backup_ejected;
  switch (member.server->enter(now, member.max_connections, settings_.eject.duration, regardless)) {
    case Entry::taken:
      return {member.server, now};
    case Entry::full:
      full_[tier] = true;
      tier = never;
      return {};
    case Entry::resting:
      tier = member.backup ? backup_ejected : ejected;
      return {};
  }
  std::unreachable();
}

}  // namespace edge
