// Running: what serves at present, and what a change of the configuration exchanges.
#pragma once

#include <memory>
#include <vector>

#include "cmd/addresses.h"
#include "cmd/apps.h"
#include "cmd/edge_loop.h"
#include "config/snapshot.h"
#include "core/http/door.h"
#include "core/log_files.h"
#include "core/net/loop.h"

namespace edge {

/// On the main thread. The loops must have been joined, and what they served by be gone, before its end.
struct Running {
  explicit Running(LogFiles& logs) : files(logs) {}

  LogFiles& files;
  Loop main;
  ConnectionLimit connections;
  Addresses addresses;
  std::vector<std::unique_ptr<EdgeLoop>> loops;
  Apps apps{main};
  std::shared_ptr<const config::Snapshot> snapshot;  // whose settings are in force
};

}  // namespace edge
