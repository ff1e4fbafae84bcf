// ChildProcess: a program that this process runs and is told the end of.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "core/net/loop.h"
#include "core/result.h"

namespace edge {

class ChildProcess {
 public:
  struct Command {
    std::string file;                      // looked for in PATH unless it holds a slash
    std::vector<std::string> arguments;    // the first is the name that the program sees for itself
    std::vector<std::string> environment;  // "NAME=value", all of it
    std::vector<int> descriptors;          // become 0, 1, 2 … of the child, which gets no other; -1: /dev/null
  };
  /// How it ended: the exit status, or the signal that killed it (else 0).
  using Ended = std::move_only_function<void(int status, int signal)>;

  /// On the loop's thread, which must be the one that lives longest: a child may ask to be killed when it ends. `ended`
  /// runs on it once, not before the loop's next turn. Error: the program cannot be run, and why.
  static Result<ChildProcess> spawn(Loop& loop, const Command& command, Ended ended);

  ChildProcess() = default;
  ChildProcess(ChildProcess&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept {
    std::swap(handle_, other.handle_);
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
  struct Handle;  // closes in a later turn than it is destroyed
  explicit ChildProcess(Handle* handle) : handle_(handle) {}
  Handle* handle_ = nullptr;
};

}  // namespace edge
