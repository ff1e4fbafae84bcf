// AnswerMemory: how much of the memory that a thread has for answers that their clients do not take one of them has.
#pragma once

#include "core/memory_share.h"

namespace edge {

struct UntakenAnswers {
  static constexpr std::size_t kMost = 32 * 1024 * 1024;
};
using AnswerMemory = MemoryShare<UntakenAnswers>;

/// Bytes of an answer that may be ahead of its client without a share, so that none stands still.
inline constexpr std::size_t kAlwaysAhead = 64 * 1024;

}  // namespace edge
