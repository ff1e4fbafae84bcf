// Address: an IPv4 or IPv6 address with a port, in 20 bytes (a sockaddr_storage takes 128).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

struct sockaddr;
struct sockaddr_storage;

namespace edge {

struct Address {
  enum class Family : std::uint8_t { none, ipv4, ipv6 };  // none: a unix socket or unknown

  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four. IPv4-mapped IPv6 becomes IPv4.
  std::uint16_t port = 0;                // host order
  Family family = Family::none;

  /// "127.0.0.1:80", "[::1]:80", ":80" (every IPv4 and IPv6 address: "[::]:80").
  static Result<Address> parse(std::string_view text);
  /// "127.0.0.1" or "::1", without brackets and port; nothing when it is neither. The port is 0.
  static std::optional<Address> from_ip(std::string_view text);
  /// Four bytes of IPv4 or sixteen of IPv6, in network order. The port is 0.
  static Address from_bytes(std::string_view four_or_sixteen);
  static Address from_sockaddr(const sockaddr* from);
  /// Fills `to`; returns the length for bind and connect, 0 without a family.
  unsigned to_sockaddr(sockaddr_storage& to) const;

  /// Writes "127.0.0.1" or "::1" into `to` (at least 46 bytes); "unix:" without an address. Returns a view of it.
  std::string_view ip_text(char* to) const;
  /// With port, as parse() takes it.
  std::string text() const;

  bool operator==(const Address&) const = default;
};

}  // namespace edge
