// look_up(): the addresses of a host name.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/address.h"
#include "core/result.h"

namespace edge {

/// Runs on threads that nobody waits for, maybe several times at once, and may block for long, so it owns what it uses.
/// Addresses are without a port.
using NameLookup = std::function<Result<std::vector<Address>>(const std::string& host)>;

/// More of one name are left off.
constexpr std::size_t kMostAddresses = 256;

/// The system's resolver (/etc/hosts, DNS). Each address once, IPv4 first, in an order that does not change from call
/// to call. Blocking. Error: what the resolver says.
Result<std::vector<Address>> look_up(const std::string& host);

/// Each once, in order, at most kMostAddresses.
void put_in_order(std::vector<Address>& addresses);

}  // namespace edge
