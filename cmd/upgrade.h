// Upgrade: starts the program that is to take this edge's place, and waits until it serves or has failed.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "appserver/output_lines.h"
#include "cmd/handover.h"
#include "core/duration.h"
#include "core/net/alarm.h"
#include "core/net/child_process.h"
#include "core/net/inherited_sockets.h"
#include "core/net/loop.h"

namespace edge {

/// What is given, beside the service manager's sockets.
struct Offer {
  Handover handover;
  std::vector<int> descriptors;  // of the handover's parts; they stay the caller's
};

/// On the main loop. One attempt at a time.
class Upgrade {
 public:
  struct Outcome {
    pid_t successor = 0;               // that serves; 0: there is none
    std::vector<std::size_t> taken{};  // indices of the parts that it listens on
    std::string error{};               // what went wrong, in a line
    std::string said{};                // the successor's last errors, in lines
  };
  using Done = std::move_only_function<void(Outcome)>;

  explicit Upgrade(Loop& main) : main_(main) {}
  ~Upgrade();
  Upgrade(const Upgrade&) = delete;
  Upgrade& operator=(const Upgrade&) = delete;

  bool under_way() const { return done_ != nullptr; }
  /// Runs `program` with the environment given and the descriptors of `offer`. `done` runs once, in a later turn. Who
  /// is not ready in time is killed.
  void begin(Program program, const Offer& offer, const InheritedSockets& activated, Milliseconds in_time, Done done);
  /// This edge stops: so shall the successor, soon; then `done` runs.
  void cancel();

 private:
  void line(std::string_view text);
  void ended(int status, int signal);
  void late();
  void finish(Outcome outcome);

  Loop& main_;
  ChildProcess child_;
  OutputLines::Ref channel_;
  std::string said_;  // the last errors
  Milliseconds in_time_{};
  bool ready_ = false;  // it has said so
  bool late_ = false;   // and not before the time was over
  Done done_;
  Alarm deadline_{[this] { late(); }};
};

}  // namespace edge
