// Whether a thread that wakes for a request may push aside what is running.
#pragma once

#include <cstdint>

namespace edge::gateway {

/// Makes the thread that counts here a batch task (sched(7)) as long as its requests cost it nothing but computing: the
/// loop that hands requests out is then not pushed aside after each, and hands out several. An app that sleeps within
/// its requests, for a database say, has each of its answers at once again: its thread is a normal task. A policy that
/// somebody has chosen for edge, or the app for itself, stays.
class Scheduling {
 public:
  /// The thread is about to sleep until a request comes.
  void wait_for_request() { ++waits_; }

  /// In the thread itself. Now and then a few system calls.
  void take_request();

  /// In a process that the app has forked: the calling thread is a normal task again.
  static void leave_to_app();

 private:
  void decide();

  std::uint32_t requests_ = 0;
  std::int64_t waits_ = 0;
  std::int64_t sleeps_before_ = 0;
};

}  // namespace edge::gateway
