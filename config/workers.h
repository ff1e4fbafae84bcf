// Loading of an app's processes: how many, as whom, and when one is replaced.
#pragma once

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// Reads processes, max_requests, max_memory, user and group.
void read_workers(const Section& section, App& app);

}  // namespace edge::config
