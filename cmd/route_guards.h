// Building what requests have to pass from the snapshot.
#pragma once

#include <memory>

#include "cmd/upstreams.h"
#include "cmd/users_files.h"
#include "config/snapshot.h"
#include "core/access/password_checks.h"
#include "core/http/router.h"

namespace edge {

/// What guards of all loops share.
struct GuardParts {
  UsersFiles users_files;  // all that the snapshot names
  std::shared_ptr<PasswordChecks> password_checks;
};

/// What guards are made of, for one loop.
struct GuardPlace {
  const GuardParts& parts;
  const UpstreamsByName& upstreams;  // all that the snapshot names
  const Loop& loop;
};

/// Puts the guards of `from` on the site and on its routes, which are in the same order.
void put_guards(const config::Site& from, const GuardPlace& place, Site& to);

}  // namespace edge
