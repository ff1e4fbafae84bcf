// close_elsewhere(): closes what may take long to close.
#pragma once

#include "core/net/loop.h"
#include "core/shared_fd.h"

namespace edge {

/// On the loop's thread: the descriptor is closed on the thread pool, some time later, if nobody else has it. For what
/// a stranger has opened: a socket that lingers, or a file whose server does not answer, holds up whoever closes it.
void close_elsewhere(Loop& loop, SharedFd fd);

}  // namespace edge
