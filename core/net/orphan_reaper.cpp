// Reaps what is not a child of our own: those belong to ChildProcess.
#include "core/net/orphan_reaper.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/net/child_process.h"

namespace edge {

OrphanReaper::OrphanReaper(Loop& loop) : loop_(loop) {
  if (getpid() == 1) child_ended_.emplace(loop, SIGCHLD, [this] { reap(); });
}

void OrphanReaper::reap() {
  while (true) {
    siginfo_t ended{};
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
    if (ChildProcess::is_running(ended.si_pid)) {  // it is taken in this turn; an orphan may stand behind it
      loop_.post([this] { reap(); });
      return;
    }
    waitpid(ended.si_pid, nullptr, WNOHANG);
  }
}

}  // namespace edge
