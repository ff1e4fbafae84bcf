// MemoryKills: which deaths by SIGKILL were probably the kernel's doing, because memory ran out.
#pragma once

#include <cstdint>
#include <functional>

namespace edge {

/// The kernel does not say whom it chose, only how many it has killed. So each of its kills explains one death, and
/// none that comes much later: else a worker that somebody kills by hand would be put down to a kill of hours ago. On
/// one thread.
class MemoryKills {
 public:
  /// How many the kernel has killed since it started; it never goes down.
  using Count = std::function<std::uint64_t()>;

  explicit MemoryKills(Count count);

  /// To be called now and then: what was counted by the look before this one explains no death any more. A death may
  /// thus be told of later than the kernel has counted it, by the time between two looks.
  void look();
  /// A process has died of SIGKILL. True when a kill is there that has explained no other death.
  bool explains_death();

 private:
  Count count_;
  std::uint64_t seen_;   // at the last look
  std::uint64_t spent_;  // have explained a death, or are long past
};

}  // namespace edge
