// OrphanReaper: as the first process of a container, edge is given every process whose parent has died, and must take
// note of their ends, or each would stay as a zombie.
#pragma once

#include <functional>
#include <optional>

#include "core/net/loop.h"
#include "core/net/signal_watch.h"

namespace edge {

class OrphanReaper {
 public:
  /// Does nothing unless this process has the id 1. On the loop that spawns children.
  explicit OrphanReaper(Loop& loop);

 private:
  void reap();

  Loop& loop_;
  std::optional<SignalWatch> child_ended_;
};

}  // namespace edge
