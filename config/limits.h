// Loading of limits.
#pragma once

#include <memory>
#include <string>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// The scope of a site's limits, and of a route's: what they count is kept under it, over reloads too.
std::string limit_scope(const Site& site);
std::string limit_scope(const Site& site, const Section& route);

/// The section's `limits`, each kind in the place of the inherited one. Null: none.
void read_limits(const Section& section, const std::string& scope, std::shared_ptr<const LimitSettings>& to);

}  // namespace edge::config
