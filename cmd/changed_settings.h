// What differs between two configurations, as a reload tells it.
#pragma once

#include <string>
#include <vector>

#include "config/snapshot.h"

namespace edge {

/// Keys that differ, of those that hold for the life of the process: "edge.threads".
std::vector<std::string> changed_for_restart(const config::Process& started_with, const config::Process& now);

/// Sections at the top of the file, but for the apps, of which something differs that a reload applies.
std::vector<std::string> changed_sections(const config::Snapshot& before, const config::Snapshot& now);

}  // namespace edge
