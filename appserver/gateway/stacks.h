// The stacks of a worker's threads on demand: on wire::kStacksSignal CPython's faulthandler writes them to the edge's
// pipe from within the signal's C handler. So it needs neither the interpreter's lock nor a thread that still works.
#pragma once

#include "appserver/gateway/descriptor.h"

namespace edge::gateway {

/// Once, in a worker. The pipe stays open as long as the process, in processes that the app forks as well. Needs the
/// interpreter's lock. false with an error set.
bool offer_stacks(Descriptor pipe);

}  // namespace edge::gateway
