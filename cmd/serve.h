// `edge serve`: builds everything from a snapshot, serves until a signal, and stops with nothing lost.
#pragma once

#include <memory>

#include "cmd/inheritance.h"
#include "config/load.h"
#include "core/log_files.h"

namespace edge {

/// Blocks until the service has stopped; returns an ExitCode. `self` is the path of the running binary, `environment`
/// where a reload finds the variables of the site file, `inherited` what the process was started with.
int serve(std::shared_ptr<const config::Snapshot> snapshot, LogFiles& files, const std::string& self,
          const config::Environment& environment, Inheritance inherited);

}  // namespace edge
