// A group's ring is made of the addresses of its servers.
#include "proxy/server_group.h"

#include <atomic>
#include <cassert>
#include <utility>

namespace edge {
namespace {

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

ServerGroup::ServerGroup(std::vector<Member> members, bool with_ring)
    : number_(next_number()), members_(std::move(members)) {
  assert(members_.size() <= kMostServers);
  if (!with_ring) return;
  std::vector<HashRing::Place> places;
  places.reserve(members_.size());
  for (const Member& member : members_) places.push_back({.name = member.server->name(), .weight = member.weight});
  ring_ = HashRing(places);
}

}  // namespace edge
