// TrustedProxies: whose word about the client is believed (edge.trusted_proxies).
#pragma once

#include "core/address.h"
#include "core/address_set.h"

namespace edge {

/// Immutable once it is shared: any thread may ask.
struct TrustedProxies {
  AddressSet addresses;
  bool unix_sockets = false;  // whoever is on the other end of a unix socket

  /// `peer` has no family when it came through a unix socket.
  bool contains(const Address& peer) const {
    return peer.family == Address::Family::none ? unix_sockets : addresses.contains(peer);
  }
};

}  // namespace edge
