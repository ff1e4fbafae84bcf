// BanList: who is banned from every site, until when and why. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/address_set.h"

namespace edge {

struct Ban {
  AddressRange range;
  std::int64_t since = 0;  // seconds since the epoch
  std::int64_t until = 0;  // seconds since the epoch; 0: until it is lifted
  bool automatic = false;
  std::string why;
};

/// Whether the address lies in the network.
bool holds(const AddressRange& range, const Address& address);

/// On one thread.
class BanList {
 public:
  struct Before {
    bool operator()(const AddressRange& a, const AddressRange& b) const;
  };
  using ByRange = std::map<AddressRange, Ban, Before>;

  /// Takes the place of a ban of the same network. False: there are `most` already.
  bool put(Ban ban, std::size_t most);
  /// False: that network is not banned by itself.
  bool lift(const AddressRange& range);
  /// The first ban whose network holds the address, or null. Takes time in the number of bans.
  const Ban* holding(const Address& address) const;
  bool contains(const AddressRange& range) const { return bans_.contains(range); }
  /// Takes out those whose time is over; how many there were.
  std::size_t expire(std::int64_t now);

  const ByRange& all() const { return bans_; }
  /// Whether some ban has an end.
  bool has_ends() const { return !ends_.empty(); }

 private:
  struct EndsBefore {
    bool operator()(const std::pair<std::int64_t, AddressRange>& a,
                    const std::pair<std::int64_t, AddressRange>& b) const {
      return a.first != b.first ? a.first < b.first : Before()(a.second, b.second);
    }
  };
  void forget(ByRange::iterator at);

  ByRange bans_;
  std::set<std::pair<std::int64_t, AddressRange>, EndsBefore> ends_;
};

}  // namespace edge
