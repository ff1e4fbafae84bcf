// The round of the loops when one of them has no place for a newcomer.
#include "core/http/connection_limit.h"

#include <algorithm>
#include <utility>

#include "core/http/door.h"
#include "core/net/loop.h"

namespace edge {

ConnectionLimit::Members::iterator ConnectionLimit::find(const Door& door) {
  return std::ranges::find(members_, &door, [](const auto& member) { return member->door; });
}

void ConnectionLimit::join(Door& door) {
  const std::lock_guard lock(mutex_);
  members_.push_back(std::make_shared<Member>(&door));
}

void ConnectionLimit::leave(Door& door) {
  const std::lock_guard lock(mutex_);
  const auto member = find(door);
  (*member)->door = nullptr;
  members_.erase(member);
}

void ConnectionLimit::ask_others(Door& door) {
  std::shared_ptr<Member> member;
  {
    const std::lock_guard lock(mutex_);
    member = *find(door);
  }
  ask_behind(member, member);
}

/// The round ends with who began it, also when that one has left.
void ConnectionLimit::ask_behind(const std::shared_ptr<Member>& last, const std::shared_ptr<Member>& asking) {
  const std::lock_guard lock(mutex_);
  if (std::ranges::find(members_, asking) == members_.end()) return;
  const auto behind = std::next(std::ranges::find(members_, last));
  std::shared_ptr<Member> next = behind == members_.end() ? members_.front() : *behind;
  if (next == asking) return;
  Loop& loop = next->door->loop();  // it cannot leave before the lock is free
  loop.post([this, next = std::move(next), asking] {
    if (next->door && !next->door->make_way()) ask_behind(next, asking);
  });
}

}  // namespace edge
