// close_elsewhere(): closes what may take long to close.
#pragma once

#include "core/net/loop.h"
#include "core/unique_fd.h"

namespace edge {

/// On the loop's thread: the descriptor is closed on the thread pool, some time later. For what a stranger has opened:
/// a socket that lingers, or a file whose server does not answer, holds up whoever closes it.
void close_elsewhere(Loop& loop, UniqueFd fd);

}  // namespace edge
