// Access: whose requests a site or a route serves, by the client's address.
#pragma once

#include <memory>

#include "core/access_rules.h"

namespace edge {

/// Rules as one loop goes by them. They are exchanged on that loop when a list of addresses has changed.
struct AccessSlot {
  std::shared_ptr<const AccessRules> rules;  // never null
};

struct Access {
  const AccessSlot* slot = nullptr;  // null: everyone's. Outlives the router.
  bool answers = false;              // with a 403; else the connection is closed without a word

  bool denies(const Address& client) const { return slot && slot->rules->denies(client); }
  bool operator==(const Access&) const = default;
};

}  // namespace edge
