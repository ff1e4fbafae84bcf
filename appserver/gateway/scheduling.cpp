// Voluntary context switches, less those that were for the mailbox.
#include "appserver/gateway/scheduling.h"

#include <sched.h>
#include <sys/resource.h>

namespace edge::gateway {
namespace {

constexpr std::uint32_t kRequests = 64;  // between two decisions

/// What this thread was last made here; anything else is somebody's choice.
thread_local int own_policy = SCHED_OTHER;

void turn_to(int policy) {
  if (policy == own_policy || sched_getscheduler(0) != own_policy) return;
  const sched_param none{};
  if (sched_setscheduler(0, policy, &none) == 0) own_policy = policy;
}

}  // namespace

void Scheduling::take_request() {
  if (++requests_ == kRequests) decide();
}

void Scheduling::decide() {
  rusage used{};
  if (getrusage(RUSAGE_THREAD, &used) != 0) return;
  const std::int64_t slept_in_app = used.ru_nvcsw - sleeps_before_ - waits_;
  turn_to(slept_in_app * 2 < kRequests ? SCHED_BATCH : SCHED_OTHER);
  sleeps_before_ = used.ru_nvcsw;
  waits_ = 0;
  requests_ = 0;
}

void Scheduling::leave_to_app() {
  turn_to(SCHED_OTHER);
}

}  // namespace edge::gateway
