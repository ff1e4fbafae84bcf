// StuckRequest: what happens to a worker's thread whose request ran longer than request_timeout, or that reads nothing
// for so long: its stacks go to the log, an exception is raised in what it is at, and it is looked whether that helps.
// An ASGI app's event loop cancels the request's task by itself; only when it does not get to that, it is interrupted.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/expired_request.h"
#include "appserver/worker_stacks.h"
#include "core/net/deadline.h"
#include "core/net/loop.h"

namespace edge {

/// On the main loop. May be destroyed at any time; then nothing more happens.
class StuckRequest final : private Deadline {
 public:
  /// How long the exception may take to end the request.
  static constexpr Milliseconds kGrace{1000};

  /// `helped`: the thread is free again. Otherwise the worker should be replaced.
  using Done = std::move_only_function<void(bool helped)>;

  /// Begins at once; `stacks` is of the same worker. `done` is called once, within WorkerStacks::kPatience and kGrace,
  /// never from the constructor; the object may be destroyed in that call. When `stacks` is closed before it has
  /// answered, `done` is never called.
  StuckRequest(Loop& loop, std::string app, WorkerStacks& stacks, ExpiredRequest request, Done done);

  bool is_of(unsigned thread, std::uint64_t sequence) const {
    return request_.thread == thread && request_.sequence == sequence;
  }
  /// ASGI: another request of the same worker has expired; whichever has the event loop gets the exception.
  void also(ExpiredRequest request);

 private:
  void on_deadline() override;
  void log_stacks(std::string_view dump) const;
  void interrupt();
  std::string name() const;
  const ExpiredRequest& culprit() const;
  bool is_stuck() const;

  Loop& loop_;
  std::string app_;
  WorkerStacks& stacks_;
  ExpiredRequest request_;
  std::vector<ExpiredRequest> others_;  // no more than the worker has places
  Done done_;
  int tries_ = 0;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace edge
