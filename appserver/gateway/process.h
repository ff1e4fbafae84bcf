// What is true of this whole process: its control channel, which worker it is, and who must not outlive whom.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "appserver/gateway/control.h"
#include "appserver/gateway/title.h"

namespace edge::gateway {

/// One for the process, because signal handlers, at-fork hooks and wsgi.errors outside of a request have nobody who
/// could hand it to them. Guarded by the interpreter's lock.
struct Process {
  Control control;
  AppName name;
  pid_t pid = 0;
  std::uint32_t worker = 0;
  bool is_stray = false;  // the app forked by itself: this copy of a worker must not touch the worker's channels
};

Process& process();

/// Asks the kernel to kill this process when `parent` ends. false: it has ended already.
bool die_with_parent(pid_t parent);

/// Ends the process when it is a fork of the app's that came back from the app: its parent answers the request, this
/// one has no business here.
void leave_if_stray();

/// A bug on either side made the channel's bytes meaningless: one line in the log, and the process is no more.
[[noreturn]] void abandon(std::string_view why);

}  // namespace edge::gateway
