// sigaction behind Python's back: what signal.getsignal() shows stays the app's own affair.
#include "appserver/gateway/signals.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>

namespace edge::gateway {
namespace {

int event_of_handler = -1;  // for the handler, which may run in any thread

void do_nothing(int) {}

void child_ended(int) {
  const int before = errno;
  const std::uint64_t one = 1;
  if (write(event_of_handler, &one, sizeof one) < 0) {
    // Only when the counter is at its end: then it is readable already.
  }
  errno = before;
}

struct sigaction restarting(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  return action;
}

}  // namespace

void quiet_group_signals() {
  const struct sigaction quiet = restarting(do_nothing);
  for (const int number : kGroupSignals) sigaction(number, &quiet, nullptr);
}

static thread_local sigset_t mask_before_fork;

void hold_group_signals() {
  sigset_t group;
  sigemptyset(&group);
  for (const int number : kGroupSignals) sigaddset(&group, number);
  pthread_sigmask(SIG_BLOCK, &group, &mask_before_fork);
}

void release_group_signals() {
  pthread_sigmask(SIG_SETMASK, &mask_before_fork, nullptr);
}

void restore_default_signals() {
  for (const int number : kGroupSignals) {
    struct sigaction current{};
    if (sigaction(number, nullptr, &current) == 0 && current.sa_handler == do_nothing) std::signal(number, SIG_DFL);
  }
}

GroupSignalsAside::GroupSignalsAside() {
  const struct sigaction quiet = restarting(do_nothing);
  for (std::size_t i = 0; i < saved_.size(); ++i) sigaction(kGroupSignals[i], &quiet, &saved_[i]);
}

GroupSignalsAside::~GroupSignalsAside() {
  for (std::size_t i = 0; i < saved_.size(); ++i) sigaction(kGroupSignals[i], &saved_[i], nullptr);
}

ZygoteSignals::ZygoteSignals() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  event_of_handler = event_.get();
  struct sigaction child = restarting(child_ended);
  child.sa_flags |= SA_NOCLDSTOP;
  sigaction(SIGCHLD, &child, &saved_);
}

ZygoteSignals::~ZygoteSignals() {
  sigaction(SIGCHLD, &saved_, nullptr);
}

void ZygoteSignals::clear() const {
  std::uint64_t count = 0;
  while (read(event_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
}

}  // namespace edge::gateway
