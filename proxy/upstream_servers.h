// UpstreamServers: from the configured servers of an upstream and their names to its group of servers at present.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/net/loop.h"
#include "proxy/resolver.h"
#include "proxy/server_group.h"

namespace edge {

/// One server as it is configured; its name may have several addresses.
struct NamedServer {
  std::string url{};   // as written
  std::string host{};  // a name, or an address without brackets; empty: unix_path
  std::uint16_t port = 0;
  std::string unix_path{};
  std::uint32_t weight = 1;           // of each address
  std::uint32_t max_connections = 0;  // of each address
  bool backup = false;
  bool down = false;
};

/// On the main loop. Addresses are servers at once, names as soon as they are looked up. A server that is in the next
/// group too stays the same object, and so keeps its state.
class UpstreamServers {
 public:
  struct Settings {
    std::string upstream;  // its name
    std::vector<NamedServer> servers;
    Milliseconds resolve{30'000};
    bool with_ring = false;
    bool are_checked = false;  // by an active health check; without one, none is held down
  };
  using Changed = std::move_only_function<void(std::shared_ptr<const ServerGroup>)>;

  /// `before`: the group of the configuration before this one, whose servers are kept, those of
  /// a name until it is looked up; may be null. `changed` gets each
  /// further group, never within the constructor.
  UpstreamServers(Loop& main, Resolver& resolver, Settings settings, std::shared_ptr<const ServerGroup> before,
                  Changed changed);
  UpstreamServers(const UpstreamServers&) = delete;
  UpstreamServers& operator=(const UpstreamServers&) = delete;

  /// The servers at present; never null, empty while no name was resolved.
  const std::shared_ptr<const ServerGroup>& group() const { return group_; }
  /// Whether each name was looked up once, with or without success.
  bool are_looked_up() const;
  /// By configured server; null for those with an address.
  const std::vector<std::unique_ptr<ResolvedName>>& names() const { return names_; }

 private:
  void looked_up();
  std::vector<ServerGroup::Member> members();
  std::vector<ServerAddress> addresses_of(std::size_t configured) const;
  std::shared_ptr<Server> server_at(const NamedServer& named, const ServerAddress& at) const;

  Loop& loop_;
  const Settings settings_;
  Changed changed_;
  std::shared_ptr<const ServerGroup> group_;
  std::vector<std::unique_ptr<ResolvedName>> names_;
  bool joins_slowly_ = false;  // whether a new server joins others that have been here
  bool warned_of_size_ = false;
};

}  // namespace edge
