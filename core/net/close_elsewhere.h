// close_elsewhere(), end_elsewhere(): ends what may take long to end.
#pragma once

#include <memory>

#include "core/net/loop.h"
#include "core/shared_fd.h"

namespace edge {

/// On the loop's thread: the descriptor is closed on the thread pool, some time later, if nobody else has it. For what
/// a stranger has opened: a socket that lingers, or a file whose server does not answer, holds up whoever closes it.
void close_elsewhere(Loop& loop, SharedFd fd);
/// On the loop's thread: `what` is let go of on the thread pool, some time later.
void end_elsewhere(Loop& loop, std::shared_ptr<void> what);

}  // namespace edge
