// How much of the memory that a thread has for answers that their clients do not take one of them has.
#pragma once

#include "core/memory_share.h"

namespace edge {

struct UntakenServerAnswers {
  static constexpr std::size_t kMost = 32 * 1024 * 1024;
};
/// Of answers of upstream servers, which may wait.
using ServerAnswerMemory = MemoryShare<UntakenServerAnswers>;

struct UntakenAppAnswers {
  static constexpr std::size_t kMost = 512 * 1024 * 1024;
};
/// Of WSGI applications, whose threads are not to wait for slow clients: five hundred answers of 1 MiB.
using AppAnswerMemory = MemoryShare<UntakenAppAnswers>;

/// Bytes of an answer that may be ahead of its client without a share, so that none stands still.
inline constexpr std::size_t kAlwaysAhead = 64 * 1024;

}  // namespace edge
