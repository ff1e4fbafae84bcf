// Addresses as numbers, and networks as intervals of them.
#include "core/address_set.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

namespace edge {
namespace {

constexpr unsigned kMappedBits = 96;  // of ::ffff:0:0/96, before an IPv4 address

template <class Number>
Number number_of(const Address& address) {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) number = static_cast<Number>(number << 8U) | address.bytes[i];
  return number;
}

template <class Number>
Interval<Number> interval_of(const AddressRange& range) {
  const auto first = number_of<Number>(range.network);
  const Number hosts = range.prefix == 0 ? ~Number{0} : (Number{1} << (sizeof(Number) * 8 - range.prefix)) - 1;
  return {first, static_cast<Number>(first | hosts)};
}

/// Without the intervals of `out` this is only a matter of joining, which takes less time and memory.
template <class Number>
std::vector<Interval<Number>> innermost(std::vector<Interval<Number>> in, const std::vector<Interval<Number>>& out) {
  if (out.empty()) {
    make_disjoint(in);
    return in;
  }
  std::vector<Layer<Number>> layers;
  layers.reserve(in.size() + out.size());
  for (const Interval<Number>& each : in) layers.push_back({each, true});
  for (const Interval<Number>& each : out) layers.push_back({each, false});
  return flatten(std::move(layers));
}

std::unexpected<Error> malformed(std::string_view text, std::string_view why) {
  std::string context = "\"";
  context.append(text).append("\" ").append(why);
  return fail(ErrorKind::malformed, Side::ours, std::move(context));
}

unsigned bits_of(const Address& address) {
  return address.family == Address::Family::ipv4 ? 32 : 128;
}

std::optional<unsigned> parse_prefix(std::string_view digits, unsigned most) {
  unsigned prefix = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, prefix);
  if (digits.empty() || error != std::errc() || stopped != end || prefix > most) return std::nullopt;
  return prefix;
}

Address network_of(Address address, unsigned prefix) {
  for (unsigned bit = prefix; bit < bits_of(address); ++bit) {
    address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
  }
  return address;
}

std::unexpected<Error> set_behind_prefix(std::string_view text, const AddressRange& meant) {
  std::array<char, 46> ip;
  std::string why = "has bits set behind its prefix; did you mean \"";
  why.append(meant.network.ip_text(ip.data())).append("/").append(std::to_string(meant.prefix)).append("\"?");
  return malformed(text, why);
}

}  // namespace

std::string AddressRange::text() const {
  std::array<char, 46> ip;
  std::string text(network.ip_text(ip.data()));
  if (prefix < bits_of(network)) text.append("/").append(std::to_string(prefix));
  return text;
}

Result<AddressRange> parse_address_range(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view ip = text.substr(0, slash);
  const std::optional<Address> address = Address::from_ip(ip);
  if (!address) {
    return malformed(text, "is no address or network; expected \"203.0.113.7\", \"10.0.0.0/8\" or \"2001:db8::/32\"");
  }
  const bool mapped = address->family == Address::Family::ipv4 && ip.contains(':');
  unsigned prefix = bits_of(*address);
  if (slash != text.npos) {
    const unsigned before = mapped ? kMappedBits : 0;
    const std::optional<unsigned> given = parse_prefix(text.substr(slash + 1), prefix + before);
    if (!given) {
      return malformed(text, "has no valid prefix: expected a number from 0 to " + std::to_string(prefix + before));
    }
    if (*given < before)
      return malformed(text, "is wider than IPv4-mapped IPv6, which is ::ffff:0:0/96; give 0.0.0.0/0");
    prefix = *given - before;
  }
  const AddressRange range{network_of(*address, prefix), static_cast<std::uint8_t>(prefix)};
  if (range.network != *address) return set_behind_prefix(text, range);
  return range;
}

bool AddressSet::contains(const Address& address) const {
  switch (address.family) {
    case Address::Family::ipv4:
      return ipv4_.contains(number_of<std::uint32_t>(address));
    case Address::Family::ipv6:
      return ipv6_.contains(number_of<Number128>(address));
    case Address::Family::none:
      break;
  }
  return false;
}

void AddressSet::Builder::add(const AddressRange& range) {
  if (range.network.family == Address::Family::ipv4) {
    ipv4_.push_back(interval_of<std::uint32_t>(range));
  } else {
    ipv6_.push_back(interval_of<Number128>(range));
  }
}

void AddressSet::Builder::take_out(const AddressRange& range) {
  if (range.network.family == Address::Family::ipv4) {
    ipv4_out_.push_back(interval_of<std::uint32_t>(range));
  } else {
    ipv6_out_.push_back(interval_of<Number128>(range));
  }
}

AddressSet AddressSet::Builder::build() {
  AddressSet set;
  set.ipv4_ =
      IntervalTable<std::uint32_t, std::uint16_t>(innermost(std::exchange(ipv4_, {}), std::exchange(ipv4_out_, {})));
  set.ipv6_ = IntervalTable<Number128, Number128>(innermost(std::exchange(ipv6_, {}), std::exchange(ipv6_out_, {})));
  return set;
}

}  // namespace edge
