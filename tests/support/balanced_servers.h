// Servers of a group, made by hand for tests of the balancer and what is around it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/balancer.h"
#include "proxy/server_group.h"

namespace edge::test {

/// Listens nowhere: 10.0.0.1:80 for 1.
inline std::shared_ptr<Server> make_server(unsigned number, std::uint64_t up_since = 0) {
  Address address = *Address::from_ip("10.0." + std::to_string(number / 256) + "." + std::to_string(number % 256));
  address.port = 80;
  return std::make_shared<Server>("api", "http://" + address.text(), ServerAddress{.address = address}, up_since);
}

/// Server 1 has the first weight, and so on.
inline std::vector<ServerGroup::Member> make_members(const std::vector<std::uint32_t>& weights) {
  std::vector<ServerGroup::Member> members;
  for (unsigned i = 0; i < weights.size(); ++i) members.push_back({.server = make_server(i + 1), .weight = weights[i]});
  return members;
}

/// A balancer with its group, and the time.
struct Balanced {
  explicit Balanced(std::vector<ServerGroup::Member> from, BalanceSettings settings = {}, std::uint32_t seed = 1)
      : balancer(settings, seed), members(std::move(from)), group(members, uses_ring(settings.method)) {}

  std::expected<ServerUse, NoServer> pick(std::string_view key = {}, const Server* preferred = nullptr) {
    return balancer.pick(group,
                         {.now = now, .tried = tried, .client = client, .hash_key = key, .preferred = preferred});
  }
  /// The number of the chosen server from 1 on; 0: none. The request ends at once, without an outcome.
  std::size_t pick_number(std::string_view key = {}, const Server* preferred = nullptr) {
    const std::expected<ServerUse, NoServer> use = pick(key, preferred);
    return use ? number_of(**use) : 0;
  }
  std::size_t number_of(const Server& server) const {
    for (std::size_t i = 0; i < members.size(); ++i)
      if (members[i].server.get() == &server) return i + 1;
    return 0;
  }
  /// How many of so many requests, one after another, each server got.
  std::vector<std::size_t> counts(std::size_t requests) {
    std::vector<std::size_t> result(members.size() + 1);
    for (std::size_t i = 0; i < requests; ++i) ++result[pick_number()];
    result.erase(result.begin());
    return result;
  }
  Server& server(std::size_t number) { return *members[number - 1].server; }

  /// Enough failures in a row, begun now.
  void eject(std::size_t number) {
    for (std::uint32_t i = 0; i < balancer.settings().eject.failures; ++i)
      server(number).note_failure(now, now, balancer.settings().eject, ErrorKind::bad_gateway);
  }

  std::uint64_t now = 1'000'000;
  TriedServers tried;
  Address client;
  Balancer balancer;
  std::vector<ServerGroup::Member> members;
  ServerGroup group;
};

}  // namespace edge::test
