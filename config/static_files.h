// Loading of what a route of files has: the section `static`.
#pragma once

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// `section` is a route's `static`. What is wrong is reported.
StaticFiles read_static(const Section& section);

/// Looks at a directory for static files; what is wrong is reported.
void check_directory(Loading& loading, const std::string& directory, const Place& place, const std::string& path);

}  // namespace edge::config
