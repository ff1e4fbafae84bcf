// AddressSet: addresses and networks, of which it tells whether an address is in one. Built once, then immutable, so
// any thread may ask. Made for a million entries, which take 4.3 MB of IPv4 and 32 MB of IPv6.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/address.h"
#include "core/interval_table.h"
#include "core/result.h"

namespace edge {

/// A network, or a single address as a network of one. IPv4-mapped IPv6 is IPv4, as in Address; any other IPv6 network
/// holds IPv6 only, "::/0" too.
struct AddressRange {
  Address network;          // no bit is set behind the prefix; the port is 0; the family is never none
  std::uint8_t prefix = 0;  // bits: up to 32 of IPv4, up to 128 of IPv6

  bool operator==(const AddressRange&) const = default;
  /// "10.0.0.0/8"; a single address without its prefix.
  std::string text() const;
};

/// "203.0.113.7", "10.0.0.0/8", "::1" or "2001:db8::/32". Malformed, in words for who wrote the configuration: no
/// address, no such prefix, a bit set behind the prefix.
Result<AddressRange> parse_address_range(std::string_view text);

class AddressSet {
 public:
  class Builder;

  /// Empty.
  AddressSet() = default;

  /// The port does not count; an address without a family is in no set.
  bool contains(const Address& address) const;
  /// What the entries take, without the object itself.
  std::size_t bytes() const { return ipv4_.bytes() + ipv6_.bytes(); }

 private:
  __extension__ using Number128 = unsigned __int128;
  IntervalTable<std::uint32_t, std::uint16_t> ipv4_;
  IntervalTable<Number128, Number128> ipv6_;
};

/// Gathers what will be in a set: in any order, overlapping or not. Where networks lie in each other, the longest
/// prefix decides; a network that is both added and taken out is out.
class AddressSet::Builder {
 public:
  void add(const AddressRange& range);
  /// What is in `range` is not in the set, but for longer prefixes that are added.
  void take_out(const AddressRange& range);
  /// The builder is empty afterwards. Takes about 0.1 µs an entry.
  AddressSet build();

 private:
  std::vector<Interval<std::uint32_t>> ipv4_;
  std::vector<Interval<Number128>> ipv6_;
  std::vector<Interval<std::uint32_t>> ipv4_out_;
  std::vector<Interval<Number128>> ipv6_out_;
};

}  // namespace edge
