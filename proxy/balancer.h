// Balancer: which server of a group gets a request.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <random>
#include <string_view>
#include <vector>

#include "core/address.h"
#include "core/duration.h"
#include "proxy/server_group.h"
#include "proxy/server_use.h"
#include "proxy/smooth_turns.h"
#include "proxy/tried_servers.h"

namespace edge {

enum class BalanceMethod : std::uint8_t {
  round_robin,  // in turn, each as often as it has weight, spread evenly
  least_conn,   // the fewest requests in flight for its weight
  random,       // of two drawn by weight, the one with the smaller product of latency and requests in flight
  ip_hash,      // by the client's network (IPv4 /24, IPv6 /64) on the ring; in turn for clients without an address
  hash,         // by the key on the ring; in turn for an empty key
  // On the ring, what is full or rests is passed over for the next.
};

struct BalanceSettings {
  BalanceMethod method = BalanceMethod::round_robin;
  EjectSettings eject{};
  Milliseconds slow_start{0};  // a server that comes (back) gets its full weight after that; not by a hash
};

/// Whether the method needs a group with a ring.
inline bool uses_ring(BalanceMethod method) {
  return method == BalanceMethod::ip_hash || method == BalanceMethod::hash;
}

/// Why no server was chosen.
enum class NoServer : std::uint8_t {
  no_address,  // the group is empty: the names have not been resolved yet
  none_alive,  // all are down, by the configuration or by the health check
  all_tried,   // this request was at each that may be asked
  all_full,    // each that could take it is at its max_connections: wait, another request's end makes room
};

/// In words, for the log.
std::string_view text_of(NoServer why);

/// What is known of the request. Its views need to live only as long as the call.
struct BalanceWish {
  std::uint64_t now = 0;  // milliseconds, Loop::now()
  const TriedServers& tried;
  Address client{};
  std::string_view hash_key{};
  const Server* preferred =
      nullptr;  // by a sticky cookie: chosen when it is alive and has room, also if it is a backup
};

/// One for each upstream and loop; no lock. A choice costs a look at every server of the group.
///
/// First come the servers that are alive; a backup only when no other server is. A server whose rest is over gets one
/// request, of all loops, to show that it is well. When all others were tried or are ejected, an ejected one is asked
/// rather than that the request is refused. What is down by the configuration or by the health check is never asked.
class Balancer {
 public:
  /// `seed`: any number, another one for each loop, so that loops do not all begin with the same server.
  Balancer(BalanceSettings settings, std::uint32_t seed);

  /// The server's place is taken: the caller keeps the ServerUse until the answer's end.
  std::expected<ServerUse, NoServer> pick(const ServerGroup& group, const BalanceWish& wish);

  const BalanceSettings& settings() const { return settings_; }

 private:
  enum Tier : std::uint8_t { alive, backup_alive, ejected, backup_ejected, kTiers, never = kTiers };
  struct Candidate {
    std::size_t member;
    std::uint64_t weight;  // thousandths, after the slow start
  };

  void look(const ServerGroup& group, const BalanceWish& wish);
  Tier tier_of(const ServerGroup::Member& member, const BalanceWish& wish);
  ServerUse pick_preferred(const ServerGroup& group, const BalanceWish& wish);
  ServerUse pick_in(Tier tier, const ServerGroup& group, const BalanceWish& wish);
  void gather(Tier tier, const ServerGroup& group, std::uint64_t now);
  ServerUse take(std::size_t member, const ServerGroup& group, std::uint64_t now);
  std::size_t choose(const ServerGroup& group, const BalanceWish& wish);
  std::size_t choose_in_turn();
  std::size_t choose_least(const ServerGroup& group);
  std::size_t choose_of_two(const ServerGroup& group, std::uint64_t now);
  std::size_t choose_by_hash(const ServerGroup& group, std::string_view key);
  std::size_t draw(std::size_t except);

  BalanceSettings settings_;
  std::minstd_rand random_;
  SmoothTurns turns_;
  // Of the present call:
  std::vector<Tier> tiers_;  // of each member
  std::vector<Candidate> candidates_;
  std::array<bool, kTiers> full_{};  // whether the tier has servers without room
  bool seen_tried_ = false;
};

}  // namespace edge
