// The zygote: holds the imported app, serves nothing, and forks a worker whenever the edge asks for one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/gateway/control.h"
#include "appserver/gateway/python.h"
#include "appserver/gateway/signals.h"
#include "appserver/gateway/worker.h"

namespace edge::gateway {

/// Runs with the interpreter's lock held throughout, so that threads which the app left at import stand still here.
class Zygote {
 public:
  explicit Zygote(WorkerSettings settings) : settings_(std::move(settings)) {}

  /// Sends kImported with `warnings`, then obeys the edge until kStop and the last worker's end, and ends the process.
  /// Returns only in the workers that it has become, much later: their exit status. When the edge closes the channel it
  /// ends at once, its workers killed.
  int run(std::string_view warnings);

 private:
  struct Pending {  // a worker whose threads' channels are coming in
    std::uint32_t worker = 0;
    std::vector<ThreadChannels> threads;
  };
  struct Child {
    std::uint32_t worker = 0;
    pid_t pid = 0;
  };
  struct Forked {  // what is left to do in the child
    std::uint32_t worker = 0;
    std::vector<ThreadChannels> threads;
    Descriptor slots;
    Descriptor stacks;
  };

  std::optional<Forked> obey_until_stopped();
  std::optional<Forked> obey(Command command);
  void collect(Command command);
  std::optional<Forked> fork_worker(Command command);
  void begin_forks();
  void end_forks();
  std::optional<std::vector<ThreadChannels>> take_threads(std::uint32_t worker);
  void reap();
  void tell_what_changed();
  void tell_not_forked(std::uint32_t worker, const std::string& reason);
  void tell(wire::ControlKind kind, const Child& child, int value);
  [[noreturn]] void end_everything();

  WorkerSettings settings_;
  std::vector<Pending> pending_;
  std::vector<Child> children_;
  std::optional<ZygoteSignals> signals_;
  bool stopping_ = false;
  bool forks_ = false;  // what is to run before a fork has run, and what is to run after it has not
};

}  // namespace edge::gateway
