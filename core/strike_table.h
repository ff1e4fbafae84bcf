// StrikeTable: how often each client did something within a while, for automatic bans.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>

#include "core/address_set.h"

namespace edge {

/// The network that is counted and banned as one client: an IPv4 address, or an IPv6 network of 64 bits, within which
/// anyone who has an address may have any other.
AddressRange client_network(const Address& address);

/// Shared by all loops: any thread may call. Bounded: who was not seen for the longest time is forgotten for a new one.
class StrikeTable {
 public:
  static constexpr std::size_t kMostClients = 65'536;  // with their rules; 9 MB

  /// What is counted: so many within so long.
  struct Rule {
    std::uint64_t id = 0;      // rules of another id count apart
    std::uint32_t count = 1;   // at least 1
    std::uint64_t window = 1;  // milliseconds, at least 1
  };

  /// Counts one, and tells whether that makes as many as the rule names; then the client begins anew. A strike counts
  /// for at least 7/8 of the window and never for longer than it. `now`: milliseconds, the same clock for all threads,
  /// which need not agree about it.
  bool strike(const Address& client, const Rule& rule, std::uint64_t now);
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::uint64_t kParts = 8;  // of a window

  struct Key {
    std::uint64_t high, low, rule;  // of the network
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Client {
    Key key;
    std::uint64_t part = 0;                       // the last that was counted in
    std::array<std::uint32_t, kParts> strikes{};  // by the part's number
  };
  struct Shard {
    mutable std::mutex lock;
    std::list<Client> clients;  // the latest first
    std::unordered_map<Key, std::list<Client>::iterator, KeyHash> by_key;
  };
  static Client& latest(Shard& shard, const Key& key);

  std::array<Shard, kShards> shards_;
};

}  // namespace edge
