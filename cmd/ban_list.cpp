// Bans by network and by their ends.
#include "cmd/ban_list.h"

#include <algorithm>
#include <tuple>

namespace edge {

bool holds(const AddressRange& range, const Address& address) {
  if (range.network.family != address.family) return false;
  const std::size_t whole = range.prefix / 8U;
  const auto& network = range.network.bytes;
  if (!std::equal(network.begin(), network.begin() + static_cast<std::ptrdiff_t>(whole), address.bytes.begin())) {
    return false;
  }
  const unsigned rest = range.prefix % 8U;
  return rest == 0 || (network[whole] ^ address.bytes[whole]) >> (8U - rest) == 0;
}

bool BanList::Before::operator()(const AddressRange& a, const AddressRange& b) const {
  return std::tie(a.network.family, a.network.bytes, a.prefix) < std::tie(b.network.family, b.network.bytes, b.prefix);
}

bool BanList::put(Ban ban, std::size_t most) {
  if (const auto known = bans_.find(ban.range); known != bans_.end()) forget(known);
  if (bans_.size() >= most) return false;
  if (ban.until > 0) ends_.emplace(ban.until, ban.range);
  const AddressRange range = ban.range;
  bans_.emplace(range, std::move(ban));
  return true;
}

bool BanList::lift(const AddressRange& range) {
  const auto known = bans_.find(range);
  if (known == bans_.end()) return false;
  forget(known);
  return true;
}

void BanList::forget(ByRange::iterator at) {
  ends_.erase({at->second.until, at->first});
  bans_.erase(at);
}

const Ban* BanList::holding(const Address& address) const {
  const auto found = std::ranges::find_if(bans_, [&](const auto& ban) { return holds(ban.first, address); });
  return found == bans_.end() ? nullptr : &found->second;
}

std::size_t BanList::expire(std::int64_t now) {
  std::size_t ended = 0;
  for (; !ends_.empty() && ends_.begin()->first <= now; ++ended) forget(bans_.find(ends_.begin()->second));
  return ended;
}

}  // namespace edge
