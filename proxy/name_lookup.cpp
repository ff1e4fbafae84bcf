// getaddrinfo, whose order changes with every answer of a DNS server.
#include "proxy/name_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <tuple>

namespace edge {

void put_in_order(std::vector<Address>& addresses) {
  const auto key = [](const Address& address) { return std::tuple(address.family, address.bytes); };
  std::ranges::sort(addresses, {}, key);
  const auto repeated = std::ranges::unique(addresses);
  addresses.erase(repeated.begin(), repeated.end());
  if (addresses.size() > kMostAddresses) addresses.resize(kMostAddresses);
}

Result<std::vector<Address>> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int reason = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (reason != 0) {
    return fail(ErrorKind::bad_gateway, Side::upstream,
                reason == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(reason));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* each = found; each; each = each->ai_next) {
    const Address address = Address::from_sockaddr(each->ai_addr);
    if (address.family != Address::Family::none) addresses.push_back(address);
  }
  put_in_order(addresses);
  if (addresses.empty()) return fail(ErrorKind::bad_gateway, Side::upstream, "it has no address");
  return addresses;
}

}  // namespace edge
