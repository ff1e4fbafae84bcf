// Opening the listening sockets of all sites.
#pragma once

#include <vector>

#include "cmd/edge_loop.h"
#include "config/snapshot.h"
#include "core/result.h"

namespace edge {

/// All listening sockets, one set a loop. Ports that the kernel chose are the same on every loop. Error: names the
/// place in the configuration.
Result<std::vector<std::vector<OpenListener>>> open_listeners(const config::Snapshot& snapshot);

}  // namespace edge
