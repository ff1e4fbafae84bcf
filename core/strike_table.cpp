// Counting in eight parts of a window, of clients in shards with a lock each.
#include "core/strike_table.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace edge {

namespace {

constexpr unsigned kOneClient = 64;  // bits of an IPv6 network

/// The finalizer of splitmix64, so that neighbouring addresses do not share shards and buckets.
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31U);
}

}  // namespace

AddressRange client_network(const Address& address) {
  AddressRange range{address, 32};
  range.network.port = 0;
  if (address.family == Address::Family::ipv6) {
    range.prefix = kOneClient;
    for (std::size_t i = kOneClient / 8; i < address.bytes.size(); ++i) range.network.bytes[i] = 0;
  }
  return range;
}

std::size_t StrikeTable::KeyHash::operator()(const Key& key) const {
  return mixed(key.high ^ mixed(key.low ^ mixed(key.rule)));
}

StrikeTable::Client& StrikeTable::latest(Shard& shard, const Key& key) {
  const auto known = shard.by_key.find(key);
  if (known != shard.by_key.end()) {
    shard.clients.splice(shard.clients.begin(), shard.clients, known->second);
    return shard.clients.front();
  }
  if (shard.clients.size() >= kMostClients / kShards) {
    shard.by_key.erase(shard.clients.back().key);
    shard.clients.pop_back();
  }
  shard.clients.push_front({.key = key});
  shard.by_key.emplace(key, shard.clients.begin());
  return shard.clients.front();
}

bool StrikeTable::strike(const Address& client, const Rule& rule, std::uint64_t now) {
  const AddressRange network = client_network(client);
  Key key{0, 0, rule.id};
  std::memcpy(&key.high, network.network.bytes.data(), sizeof key.high);
  std::memcpy(&key.low, network.network.bytes.data() + sizeof key.high, sizeof key.low);
  Shard& shard = shards_[KeyHash()(key) % kShards];
  const std::uint64_t part = now * kParts / rule.window;
  const std::lock_guard held(shard.lock);
  Client& counted = latest(shard, key);
  if (part >= counted.part + kParts) counted.strikes = {};
  for (std::uint64_t past = counted.part + 1; past <= part && past < counted.part + kParts; ++past) {
    counted.strikes[past % kParts] = 0;
  }
  counted.part = std::max(counted.part, part);
  ++counted.strikes[counted.part % kParts];
  if (std::accumulate(counted.strikes.begin(), counted.strikes.end(), std::uint64_t{0}) < rule.count) return false;
  counted.strikes = {};
  return true;
}

std::size_t StrikeTable::size() const {
  std::size_t clients = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard held(shard.lock);
    clients += shard.clients.size();
  }
  return clients;
}

}  // namespace edge
