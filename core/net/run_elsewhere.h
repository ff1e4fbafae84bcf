// run_elsewhere(): work on the thread pool whose result is taken by a function, for who cannot wait for it as a task.
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/net/loop.h"

namespace edge {

/// On the loop's thread: runs `work` on the thread pool, then `done` with what it returned, on the loop. What `done`
/// needs must live as long, or be asked whether it does: there is no way to call the work back. When the loop ends
/// before, `done` does not run.
template <class Work, class Done>
void run_elsewhere(Loop& loop, Work work, Done done) {
  struct Running {
    uv_work_t request{};
    Work work;
    Done done;
    std::optional<std::invoke_result_t<Work&>> value{};
  };
  auto* const running = new Running{.work = std::move(work), .done = std::move(done)};
  running->request.data = running;
  const auto run = [](uv_work_t* request) {
    auto* const self = static_cast<Running*>(request->data);
    self->value.emplace(self->work());
  };
  const auto ran = [](uv_work_t* request, int) {
    const std::unique_ptr<Running> self(static_cast<Running*>(request->data));
    self->done(std::move(*self->value));
  };
  uv_queue_work(loop.uv(), &running->request, run, ran);
}

}  // namespace edge
