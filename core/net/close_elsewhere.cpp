// Closing on libuv's thread pool.
#include "core/net/close_elsewhere.h"

#include <memory>
#include <utility>

namespace edge {

namespace {

struct Closing {
  uv_work_t request{};
  SharedFd fd;
};

}  // namespace

void close_elsewhere(Loop& loop, SharedFd fd) {
  if (!fd) return;
  auto* const closing = new Closing;
  closing->fd = std::move(fd);
  closing->request.data = closing;
  const auto run = [](uv_work_t* request) { static_cast<Closing*>(request->data)->fd.reset(); };
  const auto done = [](uv_work_t* request, int) {
    const std::unique_ptr<Closing> ends(static_cast<Closing*>(request->data));
  };
  uv_queue_work(loop.uv(), &closing->request, run, done);
}

}  // namespace edge
