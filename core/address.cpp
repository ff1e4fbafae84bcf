// Addresses: text and sockaddr, both ways.
#include "core/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace edge {
namespace {

constexpr std::size_t kLongestText = INET6_ADDRSTRLEN;  // 46
constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::unexpected<Error> expected_form(std::string_view text, std::string_view why) {
  std::string context = "\"";
  context.append(text).append("\" is no address: ").append(why);
  context += "; expected \"127.0.0.1:80\", \"[::1]:80\" or \":80\"";
  return fail(ErrorKind::malformed, Side::ours, std::move(context));
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, port);
  if (text.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return port;
}

bool only_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// `to` keeps its port.
void set_ipv6(Address& to, const void* sixteen_bytes) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), sixteen_bytes, bytes.size());
  const bool mapped = std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
  to.family = mapped ? Address::Family::ipv4 : Address::Family::ipv6;
  if (mapped) {
    std::copy_n(bytes.begin() + 12, 4, to.bytes.begin());
  } else {
    to.bytes = bytes;
  }
}

/// `text` is without brackets and port. `to` keeps its port.
bool parse_ip(std::string_view text, bool version_6, Address& to) {
  std::array<char, kLongestText> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
  text.copy(terminated.data(), text.size());
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(version_6 ? AF_INET6 : AF_INET, terminated.data(), bytes.data()) != 1) return false;
  if (version_6) {
    set_ipv6(to, bytes.data());
  } else {
    to.bytes = bytes;
    to.family = Address::Family::ipv4;
  }
  return true;
}

char* write_ipv4(const std::array<std::uint8_t, 16>& bytes, char* to) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) *to++ = '.';
    to = std::to_chars(to, to + 3, bytes[i]).ptr;
  }
  return to;
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  Address address;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    if (only_digits(text)) return expected_form(text, "a port alone is written with a colon before it");
    return expected_form(text, "the port is missing");
  }
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (!bracketed && host.find(':') != std::string_view::npos) {
    return expected_form(text, text.ends_with(']')
                                   ? "the port is missing"
                                   : "an IPv6 address is written in brackets, with its port after them");
  }
  const std::optional<std::uint16_t> port = parse_port(text.substr(colon + 1));
  if (!port) return expected_form(text, "the port must be a number from 0 to 65535");
  address.port = *port;
  if (host.empty()) {
    address.family = Family::ipv6;
    return address;
  }
  const std::string_view ip = bracketed ? host.substr(1, host.size() - 2) : host;
  if (!parse_ip(ip, bracketed, address)) return expected_form(text, "the part before the port is no IP address");
  return address;
}

std::optional<Address> Address::from_ip(std::string_view text) {
  Address address;
  if (!parse_ip(text, text.contains(':'), address)) return std::nullopt;
  return address;
}

Address Address::from_bytes(std::string_view four_or_sixteen) {
  Address address;
  if (four_or_sixteen.size() == 16) {
    set_ipv6(address, four_or_sixteen.data());
  } else {
    std::memcpy(address.bytes.data(), four_or_sixteen.data(), 4);
    address.family = Family::ipv4;
  }
  return address;
}

Address Address::from_sockaddr(const sockaddr* from) {
  Address address;
  if (from->sa_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, from, sizeof ipv4);
    std::memcpy(address.bytes.data(), &ipv4.sin_addr, 4);
    address.port = ntohs(ipv4.sin_port);
    address.family = Family::ipv4;
  } else if (from->sa_family == AF_INET6) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, from, sizeof ipv6);
    set_ipv6(address, &ipv6.sin6_addr);
    address.port = ntohs(ipv6.sin6_port);
  }
  return address;
}

unsigned Address::to_sockaddr(sockaddr_storage& to) const {
  std::memset(&to, 0, sizeof to);
  if (family == Family::ipv4) {
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(port);
    std::memcpy(&ipv4.sin_addr, bytes.data(), 4);
    std::memcpy(&to, &ipv4, sizeof ipv4);
    return sizeof ipv4;
  }
  if (family == Family::ipv6) {
    sockaddr_in6 ipv6{};
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(port);
    std::memcpy(&ipv6.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&to, &ipv6, sizeof ipv6);
    return sizeof ipv6;
  }
  return 0;
}

std::string_view Address::ip_text(char* to) const {
  switch (family) {
    case Family::ipv4:
      return {to, write_ipv4(bytes, to)};
    case Family::ipv6:
      return inet_ntop(AF_INET6, bytes.data(), to, kLongestText);
    case Family::none:
      break;
  }
  return "unix:";
}

std::string Address::text() const {
  std::array<char, kLongestText> buffer{};
  std::string text(ip_text(buffer.data()));
  if (family == Family::none) return text;
  if (family == Family::ipv6) text.insert(0, 1, '[').push_back(']');
  text.push_back(':');
  text += std::to_string(port);
  return text;
}

}  // namespace edge
