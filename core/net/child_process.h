// ChildProcess: a program that this process runs and is told the end of.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>

#include "core/net/loop.h"
#include "core/net/program.h"
#include "core/result.h"

namespace edge {

class ChildProcess {
 public:
  using Command = Program;
  /// How it ended: the exit status, or the signal that killed it (else 0).
  using Ended = std::move_only_function<void(int status, int signal)>;

  /// On the loop's thread, which must be the one that lives longest: a child may ask to be killed when it ends. `ended`
  /// runs on it once, not before the loop's next turn. Error: the program cannot be run, and why.
  static Result<ChildProcess> spawn(Loop& loop, const Command& command, Ended ended);

  ChildProcess() = default;
  ChildProcess(ChildProcess&& other) noexcept = default;
  ChildProcess& operator=(ChildProcess&& other) noexcept {
    std::swap(child_, other.child_);
    return *this;
  }
  /// Does not end the child, but `ended` is not called any more.
  ~ChildProcess();

  /// Whether that process was spawned here and its end is not told yet. On the thread that spawns.
  static bool is_running(pid_t pid);

  pid_t pid() const;
  /// Nothing happens once it has ended.
  void signal(int number) const;

 private:
  struct Child;
  struct Running;
  static Running& running();
  explicit ChildProcess(std::shared_ptr<Child> child) : child_(std::move(child)) {}
  std::shared_ptr<Child> child_;
};

}  // namespace edge
