// Children, and their ends by SIGCHLD.
#include "core/net/child_process.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <vector>

#include "core/net/signal_watch.h"

namespace edge {

struct ChildProcess::Child {
  pid_t pid = 0;
  Ended ended;
  bool running = true;
};

/// Those that this thread has spawned and that run.
struct ChildProcess::Running {
  std::vector<std::shared_ptr<Child>> children;
  std::optional<SignalWatch> child_ended;  // as long as there are any

  void forget(const Child& child) {
    std::erase_if(children, [&child](const auto& other) { return other.get() == &child; });
    if (children.empty()) child_ended.reset();
  }

  void reap() {
    const std::vector<std::shared_ptr<Child>> looked_at = children;  // who is told may spawn others
    for (const auto& child : looked_at) {
      int how = 0;
      if (!child->running || waitpid(child->pid, &how, WNOHANG) != child->pid) continue;
      child->running = false;
      forget(*child);
      Ended tell = std::move(child->ended);
      if (tell) tell(WIFEXITED(how) ? WEXITSTATUS(how) : 0, WIFSIGNALED(how) ? WTERMSIG(how) : 0);
    }
  }
};

ChildProcess::Running& ChildProcess::running() {
  static thread_local Running of_this_thread;
  return of_this_thread;
}

Result<ChildProcess> ChildProcess::spawn(Loop& loop, const Command& command, Ended ended) {
  Running& all = running();
  if (!all.child_ended) all.child_ended.emplace(loop, SIGCHLD, [&all] { all.reap(); });
  auto child = std::make_shared<Child>();
  Result<pid_t> pid = command.start();
  if (!pid) {
    all.forget(*child);
    return std::unexpected(std::move(pid.error()));
  }
  child->pid = *pid;
  child->ended = std::move(ended);
  all.children.push_back(child);
  return ChildProcess(std::move(child));
}

ChildProcess::~ChildProcess() {
  if (!child_ || !child_->running) return;
  child_->running = false;
  running().forget(*child_);
}

bool ChildProcess::is_running(pid_t pid) {
  return std::ranges::any_of(running().children, [pid](const auto& child) { return child->pid == pid; });
}

pid_t ChildProcess::pid() const {
  return child_ ? child_->pid : 0;
}

void ChildProcess::signal(int number) const {
  if (child_ && child_->running) kill(child_->pid, number);
}

}  // namespace edge
