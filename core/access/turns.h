// Turns: at most so many at a time over all loops; who has to wait does so in one bounded queue, first come, first
// served.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

#include "core/cancellation.h"
#include "core/net/loop.h"
#include "core/task.h"

namespace edge {

/// From the threads of several loops, whose ends it outlives.
class Turns {
 public:
  enum class Entry : std::uint8_t {
    entered,  // leave() must follow
    full,     // so many wait that nobody else may
    gone,     // the client has
  };

  Turns(std::size_t at_once, std::size_t waiting) : free_(at_once), most_waiting_(waiting) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  /// On the thread of `loop`, which `cancellation` belongs to. Both must outlive the task.
  Task<Entry> enter(Loop& loop, Cancellation& cancellation);
  void leave();

 private:
  class Wait;
  /// Nothing of it happens when somebody waits already, or nobody may.
  Entry enter_or_queue(Wait& wait, bool& queued);
  bool withdraw(Wait& wait);

  std::mutex mutex_;
  std::size_t free_;           // guarded by mutex_, as is waiting_
  std::deque<Wait*> waiting_;  // each lives in a task
  const std::size_t most_waiting_;
};

}  // namespace edge
