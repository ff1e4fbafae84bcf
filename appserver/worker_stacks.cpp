// One signal, one pipe. It is read only while somebody asks: a worker that writes there on its own fills it and no
// more.
#include "appserver/worker_stacks.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace edge {

namespace {

constexpr std::size_t kRead = 16 * 1024;
constexpr int kMostReadsAtOnce = 64;  // more than a pipe holds

}  // namespace

Result<WorkerStacks::Opened> WorkerStacks::open(Loop& loop, std::shared_ptr<const WorkerProcess> worker) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail(ErrorKind::internal, Side::ours,
                std::string("no pipe for the stacks of a worker: ") + std::strerror(errno));
  }
  UniqueFd worker_end(ends[1]);
  auto* const stacks = new WorkerStacks(std::move(worker));
  if (stacks->watch(loop, ends[0]) != 0) {
    delete stacks;
    return fail(ErrorKind::internal, Side::ours, "the main loop cannot watch the stacks of a worker");
  }
  stacks->want_read(false);
  return Opened{Ref(stacks), std::move(worker_end)};
}

void WorkerStacks::finish() {
  disarm();
  waiting_.clear();
  close();
}

void WorkerStacks::ask(Done done) {
  waiting_.push_back(std::move(done));
  if (waiting_.size() > 1) return;
  drop_leftovers();
  want_read(true);
  loop().arm(*this, kPatience);
  worker_->signal(wire::kStacksSignal);
}

/// Of an answer that came too late.
void WorkerStacks::drop_leftovers() {
  char bytes[kRead];
  for (int i = 0; i < kMostReadsAtOnce && read(fd(), bytes, sizeof bytes) > 0; ++i) {
  }
}

void WorkerStacks::on_readable() {
  char bytes[kRead];
  const ssize_t size = read(fd(), bytes, sizeof bytes);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return answer();
  const std::string_view piece(bytes, static_cast<std::size_t>(size));
  const std::size_t end = piece.find(wire::kStacksEnd);
  dump_.append(piece.substr(0, std::min(end, kMostBytes - dump_.size())));
  if (end != piece.npos) answer();
}

void WorkerStacks::answer() {
  disarm();
  want_read(false);
  const std::string dump = std::exchange(dump_, {});
  std::vector<Done> waiting = std::exchange(waiting_, {});
  for (Done& done : waiting) done(dump);
}

}  // namespace edge
