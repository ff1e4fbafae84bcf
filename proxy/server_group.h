// ServerGroup: the servers of an upstream at one time. Immutable; replaced whole when names resolve anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "proxy/hash_ring.h"
#include "proxy/server.h"

namespace edge {

class ServerGroup {
 public:
  /// Bounds the time of a choice and the memory of a ring.
  static constexpr std::size_t kMostServers = 1'000;
  static constexpr std::uint32_t kMostWeight = 1'000;

  struct Member {
    std::shared_ptr<Server> server;
    std::uint32_t weight = 1;           // 1 … kMostWeight
    std::uint32_t max_connections = 0;  // requests at a time, of all loops; 0: no bound
    bool backup = false;                // takes requests only while no other is alive
    bool down = false;                  // takes none
  };

  /// `with_ring`: for the methods that choose by a hash. At most kMostServers members.
  ServerGroup(std::vector<Member> members, bool with_ring);

  /// Never given to another group in the life of the process.
  std::uint64_t number() const { return number_; }
  std::span<const Member> members() const { return members_; }
  /// Empty unless asked for.
  const HashRing& ring() const { return ring_; }

 private:
  std::uint64_t number_;
  std::vector<Member> members_;
  HashRing ring_;
};

}  // namespace edge
