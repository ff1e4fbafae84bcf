// Loading of `auth_request`.
#pragma once

#include <optional>
#include <vector>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// What the section says of `auth_request`; `around` where it says nothing; nothing where it is null or `off`.
std::optional<AuthRequest> read_auth_request(const Section& section, const std::vector<Upstream>& upstreams,
                                             const std::optional<AuthRequest>& around);

}  // namespace edge::config
