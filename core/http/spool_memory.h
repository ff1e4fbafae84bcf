// SpoolMemory: how much of the memory that a thread has for large request bodies one of them has.
#pragma once

#include "core/memory_share.h"

namespace edge {

struct LargeRequestBodies {
  static constexpr std::size_t kMost = 16 * 1024 * 1024;
};
using SpoolMemory = MemoryShare<LargeRequestBodies>;

}  // namespace edge
