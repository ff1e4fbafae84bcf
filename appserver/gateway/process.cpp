// The process's one state.
#include "appserver/gateway/process.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "appserver/gateway/log.h"

namespace edge::gateway {

Process& process() {
  static Process the_process;
  return the_process;
}

bool die_with_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  return getppid() == parent;
}

void leave_if_stray() {
  if (!process().is_stray) return;
  static constexpr std::string_view kWhy = "edge: a process that the application forked returned from it; it ends\n";
  if (write(STDERR_FILENO, kWhy.data(), kWhy.size()) < 0) _exit(1);
  _exit(0);
}

void abandon(std::string_view why) {
  constexpr int kProtocolError = 76;  // EX_PROTOCOL
  send_log({}, why);
  _exit(kProtocolError);
}

}  // namespace edge::gateway
