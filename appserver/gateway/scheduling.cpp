// Voluntary context switches, less those that were for the mailbox.
#include "appserver/gateway/scheduling.h"

#include <sched.h>
#include <sys/resource.h>

#include <atomic>

namespace edge::gateway {
namespace {

constexpr std::uint32_t kRequests = 64;  // between two decisions

/// What this thread was last made here; anything else is somebody's choice.
thread_local int own_policy = SCHED_OTHER;

/// Some thread of this process was; those that it has started since may be by inheritance.
std::atomic<bool> has_batch_threads = false;

void turn_to(int policy) {
  if (policy == own_policy || sched_getscheduler(0) != own_policy) return;
  const sched_param none{};
  if (sched_setscheduler(0, policy, &none) != 0) return;
  own_policy = policy;
  if (policy == SCHED_BATCH) has_batch_threads = true;
}

}  // namespace

void Scheduling::take_request() {
  if (++requests_ == kRequests) decide();
}

void Scheduling::decide() {
  requests_ = 0;
  rusage used{};
  if (getrusage(RUSAGE_THREAD, &used) != 0) return;
  const std::int64_t slept_in_app = used.ru_nvcsw - sleeps_before_ - waits_;
  turn_to(slept_in_app * 2 < kRequests ? SCHED_BATCH : SCHED_OTHER);
  sleeps_before_ = used.ru_nvcsw;
  waits_ = 0;
}

void Scheduling::leave_to_app() {
  if (has_batch_threads && sched_getscheduler(0) == SCHED_BATCH) own_policy = SCHED_BATCH;
  turn_to(SCHED_OTHER);
}

}  // namespace edge::gateway
