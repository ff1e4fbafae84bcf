// Groups are made anew when a name has other addresses; servers are carried over from group to group.
#include "proxy/upstream_servers.h"

#include <algorithm>
#include <utility>

#include "core/log.h"

namespace edge {
namespace {

bool same_servers(const ServerGroup& group, const std::vector<ServerGroup::Member>& members) {
  return std::ranges::equal(group.members(), members, {}, &ServerGroup::Member::server, &ServerGroup::Member::server);
}

}  // namespace

UpstreamServers::UpstreamServers(Loop& main, Resolver& resolver, Settings settings,
                                 std::shared_ptr<const ServerGroup> before, Changed changed)
    : loop_(main), settings_(std::move(settings)), changed_(std::move(changed)), group_(std::move(before)) {
  for (const NamedServer& named : settings_.servers) {
    names_.emplace_back();
    if (named.host.empty() || Address::from_ip(named.host)) continue;
    names_.back() = std::make_unique<ResolvedName>(resolver, settings_.upstream, named.host, settings_.resolve,
                                                   [this] { looked_up(); });
  }
  std::vector<ServerGroup::Member> first = members();
  if (!settings_.are_checked)
    for (const ServerGroup::Member& member : first)
      if (member.server->is_held_down()) member.server->let_up(loop_.now());
  group_ = std::make_shared<const ServerGroup>(std::move(first), settings_.with_ring);
}

bool UpstreamServers::are_looked_up() const {
  return std::ranges::all_of(names_, [](const auto& name) { return !name || name->is_looked_up(); });
}

void UpstreamServers::looked_up() {
  std::vector<ServerGroup::Member> next = members();
  joins_slowly_ = joins_slowly_ || are_looked_up();
  if (same_servers(*group_, next)) return;
  group_ = std::make_shared<const ServerGroup>(std::move(next), settings_.with_ring);
  changed_(group_);
}

std::vector<ServerGroup::Member> UpstreamServers::members() {
  std::vector<ServerGroup::Member> members;
  std::size_t left_off = 0;
  for (std::size_t i = 0; i < settings_.servers.size(); ++i) {
    const NamedServer& named = settings_.servers[i];
    for (const ServerAddress& at : addresses_of(i)) {
      if (members.size() == ServerGroup::kMostServers) {
        ++left_off;
        continue;
      }
      members.push_back({server_at(named, at), named.weight, named.max_connections, named.backup, named.down});
    }
  }
  if (left_off > 0 && !std::exchange(warned_of_size_, true)) {
    log::warn("[{}] its names have more than {} addresses; {} are left off", settings_.upstream,
              ServerGroup::kMostServers, left_off);
  }
  return members;
}

/// A name that has not been looked up with success yet keeps the addresses that it had in the configuration before.
std::vector<ServerAddress> UpstreamServers::addresses_of(std::size_t configured) const {
  const NamedServer& named = settings_.servers[configured];
  if (named.host.empty()) return {{.unix_path = named.unix_path}};
  std::vector<ServerAddress> result;
  const auto add = [&](Address address) {
    address.port = named.port;
    result.push_back({.address = address});
  };
  const ResolvedName* const name = names_[configured].get();
  if (!name) {
    add(*Address::from_ip(named.host));
  } else if (!name->addresses().empty()) {
    for (const Address& address : name->addresses()) add(address);
  } else if (group_) {
    for (const ServerGroup::Member& member : group_->members())
      if (member.server->url() == named.url) result.push_back(member.server->at());
  }
  return result;
}

std::shared_ptr<Server> UpstreamServers::server_at(const NamedServer& named, const ServerAddress& at) const {
  if (group_) {
    const auto is_it = [&](const ServerGroup::Member& member) {
      return member.server->at() == at && member.server->url() == named.url;
    };
    const auto known = std::ranges::find_if(group_->members(), is_it);
    if (known != group_->members().end()) return known->server;
  }
  const std::uint64_t up_since = joins_slowly_ ? loop_.now() : 0;
  return std::make_shared<Server>(settings_.upstream, named.url, at, up_since);
}

}  // namespace edge
