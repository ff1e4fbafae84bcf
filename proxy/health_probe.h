// The request of an active health check, in the protocol of the upstream.
#pragma once

#include <memory>

#include "proxy/health_check.h"
#include "proxy/upstream.h"

namespace edge {

/// Asks each time over a new connection, on the main loop. The upstream has a health check.
HealthCheck::Probe health_probe(Loop& main, std::shared_ptr<const Upstream> upstream);

}  // namespace edge
