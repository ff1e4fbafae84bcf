// Loading of sites.
#pragma once

#include <vector>

#include "config/routes.h"
#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// The sites, checked against each other. `http` and `context.access_base` are what they inherit.
std::vector<Site> load_sites(const Section& top, const HttpSettings& http, const RouteContext& context);

}  // namespace edge::config
