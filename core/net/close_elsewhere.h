// close_elsewhere(), end_elsewhere(), ending_elsewhere(), run_elsewhere(): what may take long, and nobody waits for.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/net/loop.h"
#include "core/shared_fd.h"

namespace edge {

/// On the loop's thread: the descriptor is closed on the thread pool, some time later, if nobody else has it. For what
/// a stranger has opened: a socket that lingers, or a file whose server does not answer, holds up whoever closes it.
void close_elsewhere(Loop& loop, SharedFd fd);
/// On the loop's thread: `what` is let go of on the thread pool, some time later.
void end_elsewhere(Loop& loop, std::shared_ptr<void> what);
/// On any thread: `what` for all to share. Whoever lets go of it last, on whatever thread, only posts to `loop`, which
/// outlives it: its end comes on the thread pool.
template <class What>
std::shared_ptr<const What> ending_elsewhere(Loop& loop, What what) {
  const auto let_go = [&loop](What* last) {
    loop.post([&loop, owned = std::shared_ptr<void>(std::unique_ptr<What>(last))]() mutable {
      end_elsewhere(loop, std::move(owned));
    });
  };
  return std::shared_ptr<What>(new What(std::move(what)), let_go);
}
/// On the loop's thread: `work` runs once on the thread pool, some time later, and before the loop's end.
void run_elsewhere(Loop& loop, std::move_only_function<void()> work);

}  // namespace edge
