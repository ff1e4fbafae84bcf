// Loading of apps.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

std::vector<App> load_apps(const Section& top);
/// The app that `app: module` or `app: module:callable` at the top level is short for, named after its module.
std::optional<App> load_short_app(const Section& top);

}  // namespace edge::config
