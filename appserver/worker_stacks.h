// WorkerStacks: asks one worker for the stacks of its threads, and collects what its faulthandler writes into a pipe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/worker_process.h"
#include "core/net/deadline.h"
#include "core/net/socket.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// On the main loop. Deletes itself when it is closed.
class WorkerStacks final : public Socket, private Deadline {
 public:
  struct Close {
    void operator()(WorkerStacks* stacks) const { stacks->finish(); }
  };
  using Ref = std::unique_ptr<WorkerStacks, Close>;

  /// A worker that has not written its end mark by then gives what it has written so far.
  static constexpr Milliseconds kPatience{1000};
  /// The rest of a larger dump is dropped.
  static constexpr std::size_t kMostBytes = 256 * 1024;

  struct Opened {
    Ref stacks;
    UniqueFd worker_end;  // to be sent with wire::ControlKind::kFork
  };
  /// Error: no pipe, or the loop cannot watch it.
  static Result<Opened> open(Loop& loop, std::shared_ptr<const WorkerProcess> worker);

  /// `done` gets what the worker wrote, within kPatience and never in this call; empty: nothing. Who asks while others
  /// wait gets the same text. When the object is closed before, `done` is not called.
  using Done = std::move_only_function<void(std::string_view dump)>;
  void ask(Done done);

 private:
  explicit WorkerStacks(std::shared_ptr<const WorkerProcess> worker) : worker_(std::move(worker)) {}
  ~WorkerStacks() = default;
  void finish();
  void on_readable() override;
  void on_writable() override {}
  void on_closed() override { delete this; }
  void on_deadline() override { answer(); }
  void drop_leftovers();
  void answer();

  std::shared_ptr<const WorkerProcess> worker_;
  std::string dump_;
  std::vector<Done> waiting_;  // one for each request that expired, so no more than the worker has threads
};

}  // namespace edge
