// Debts follow their servers from group to group.
#include "proxy/smooth_turns.h"

#include <algorithm>
#include <utility>

namespace edge {

void SmoothTurns::follow(const ServerGroup& group, std::minstd_rand& random) {
  if (group.number() == group_) return;
  const bool first = group_ == 0;
  std::vector<Debt> debts;
  debts.reserve(group.members().size());
  for (const ServerGroup::Member& member : group.members()) {
    const std::uint64_t number = member.server->number();
    const auto known = std::ranges::find(debts_, number, &Debt::server);
    std::int64_t owed = 0;
    if (known != debts_.end())
      owed = known->owed;
    else if (first)
      owed = std::uniform_int_distribution<std::int64_t>(0, std::int64_t{1'000} * member.weight)(random);
    debts.push_back({.server = number, .owed = owed});
  }
  debts_ = std::move(debts);
  group_ = group.number();
}

}  // namespace edge
