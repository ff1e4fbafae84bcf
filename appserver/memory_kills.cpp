// What is left of the kernel's count when the old and the explained are taken off.
#include "appserver/memory_kills.h"

#include <algorithm>
#include <utility>

namespace edge {

MemoryKills::MemoryKills(Count count) : count_(std::move(count)), seen_(count_()), spent_(seen_) {}

void MemoryKills::look() {
  spent_ = std::max(spent_, seen_);
  seen_ = count_();
}

bool MemoryKills::explains_death() {
  if (count_() <= spent_) return false;
  ++spent_;
  return true;
}

}  // namespace edge
