// Work on libuv's thread pool.
#include "core/net/close_elsewhere.h"

#include <memory>
#include <utility>

namespace edge {

namespace {

struct Elsewhere {
  uv_work_t request{};
  std::move_only_function<void()> work;
};

}  // namespace

void run_elsewhere(Loop& loop, std::move_only_function<void()> work) {
  auto* const running = new Elsewhere;
  running->work = std::move(work);
  running->request.data = running;
  const auto run = [](uv_work_t* request) { std::exchange(static_cast<Elsewhere*>(request->data)->work, nullptr)(); };
  const auto done = [](uv_work_t* request, int) {
    const std::unique_ptr<Elsewhere> ends(static_cast<Elsewhere*>(request->data));
  };
  uv_queue_work(loop.uv(), &running->request, run, done);
}

void close_elsewhere(Loop& loop, SharedFd fd) {
  if (fd) run_elsewhere(loop, [open = std::move(fd)]() mutable { open.reset(); });
}

void end_elsewhere(Loop& loop, std::shared_ptr<void> what) {
  if (what) run_elsewhere(loop, [ends = std::move(what)]() mutable { ends.reset(); });
}

}  // namespace edge
