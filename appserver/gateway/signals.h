// Signals of an app's processes. Ctrl-C, a service manager or `kill` on the group reach them as well as the edge, and
// only the edge decides when they end (over the control channel and the mailboxes). So INT, TERM, HUP, QUIT, USR1 and
// USR2 do nothing here unless the app says otherwise: a handler that it installs at import stays, and runs in workers.
//
// They are handled by a function that does nothing instead of being ignored, because programs that the app starts
// inherit "ignored", and could then not be stopped with TERM. A child that the app forks itself gets the defaults back.
#pragma once

#include <array>
#include <csignal>

#include "appserver/gateway/descriptor.h"

namespace edge::gateway {

inline constexpr std::array kGroupSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

/// Before the import: nothing happens on the group signals.
void quiet_group_signals();

/// Around a fork by the app, on the thread that forks: the group signals wait, so that one which reaches the child
/// before restore_default_signals() is obeyed and not swallowed.
void hold_group_signals();
void release_group_signals();

/// In a process that the app forked by itself: the defaults, where the app has not set a handler.
void restore_default_signals();

/// While one lives, the app's handlers for the group signals are set aside: those signals do nothing. Afterwards, in a
/// forked process too, everything is as the app had it.
class GroupSignalsAside {
 public:
  GroupSignalsAside();
  GroupSignalsAside(const GroupSignalsAside&) = delete;
  GroupSignalsAside& operator=(const GroupSignalsAside&) = delete;
  ~GroupSignalsAside();

 private:
  std::array<struct sigaction, kGroupSignals.size()> saved_{};
};

/// While one lives, the process is a zygote: no handler of the app runs, and a child that ends makes child_event()
/// readable. One at a time. Ends in the forked worker as well.
class ZygoteSignals {
 public:
  ZygoteSignals();
  ZygoteSignals(const ZygoteSignals&) = delete;
  ZygoteSignals& operator=(const ZygoteSignals&) = delete;
  ~ZygoteSignals();

  int child_event() const { return event_.get(); }
  /// Makes child_event() unreadable until the next child ends.
  void clear() const;

 private:
  GroupSignalsAside aside_;
  Descriptor event_;
  struct sigaction saved_{};
};

}  // namespace edge::gateway
