// AccessRules: which client addresses are served, by longest prefix between those that are denied and those that are
// allowed.
#pragma once

#include <cstddef>
#include <utility>

#include "core/address_set.h"

namespace edge {

/// Immutable: any thread may ask.
class AccessRules {
 public:
  /// Whoever is in `denied` is denied.
  static AccessRules denying(AddressSet denied) { return {std::move(denied), true}; }
  /// Whoever is not in `allowed` is denied. What is denied within it was taken out (AddressSet::Builder::take_out()).
  static AccessRules allowing(AddressSet allowed) { return {std::move(allowed), false}; }

  /// An address without a family, of who comes through a unix socket, is never denied.
  bool denies(const Address& client) const {
    return client.family != Address::Family::none && addresses_.contains(client) == in_is_denied_;
  }
  std::size_t bytes() const { return addresses_.bytes(); }

 private:
  AccessRules(AddressSet addresses, bool in_is_denied)
      : addresses_(std::move(addresses)), in_is_denied_(in_is_denied) {}

  AddressSet addresses_;
  bool in_is_denied_;
};

}  // namespace edge
