// SmoothTurns: smooth weighted round robin, as nginx has it: weights 5, 1, 1 make a a b a c a a and not a a a a a b c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "proxy/server_group.h"

namespace edge {

/// Of one balancer. Remembers for each server how much it is owed, also when the group is replaced.
class SmoothTurns {
 public:
  /// Before advance(): makes sure that there is a debt for each member. New ones begin at a random one.
  void follow(const ServerGroup& group, std::minstd_rand& random);

  /// The member's debt after `weight` more is owed to it.
  std::int64_t owe(std::size_t member, std::uint64_t weight) {
    return debts_[member].owed += static_cast<std::int64_t>(weight);
  }
  /// The member gets the turn, out of `total` that was owed to all.
  void pay(std::size_t member, std::uint64_t total) { debts_[member].owed -= static_cast<std::int64_t>(total); }

 private:
  struct Debt {
    std::uint64_t server;  // its number
    std::int64_t owed;
  };
  std::uint64_t group_ = 0;  // 0: none yet
  std::vector<Debt> debts_;  // of each member
};

}  // namespace edge
