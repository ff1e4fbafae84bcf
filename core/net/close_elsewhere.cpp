// Closing on libuv's thread pool.
#include "core/net/close_elsewhere.h"

#include <memory>
#include <utility>

namespace edge {

namespace {

template <class Pointer>
struct Ending {
  uv_work_t request{};
  Pointer what;
};

template <class Pointer>
void let_go_elsewhere(Loop& loop, Pointer what) {
  if (!what) return;
  auto* const ending = new Ending<Pointer>;
  ending->what = std::move(what);
  ending->request.data = ending;
  const auto run = [](uv_work_t* request) { static_cast<Ending<Pointer>*>(request->data)->what.reset(); };
  const auto done = [](uv_work_t* request, int) {
    const std::unique_ptr<Ending<Pointer>> ends(static_cast<Ending<Pointer>*>(request->data));
  };
  uv_queue_work(loop.uv(), &ending->request, run, done);
}

}  // namespace

void close_elsewhere(Loop& loop, SharedFd fd) {
  let_go_elsewhere(loop, std::move(fd));
}

void end_elsewhere(Loop& loop, std::shared_ptr<void> what) {
  let_go_elsewhere(loop, std::move(what));
}

}  // namespace edge
