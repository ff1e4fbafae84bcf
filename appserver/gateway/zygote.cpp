// Commands of the edge, forks, and the ends of workers.
#include "appserver/gateway/zygote.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

#include "appserver/gateway/app_files.h"
#include "appserver/gateway/log.h"
#include "appserver/gateway/memory_holes.h"
#include "appserver/gateway/process.h"

namespace edge::gateway {
namespace {

using namespace std::chrono_literals;
using wire::ControlHeader;
using wire::ControlKind;

// An edge that has not read its control channel for so long does not supervise any more.
constexpr auto kPatience = 30s;
constexpr std::size_t kMostPending = 256;
constexpr int kMoreForksWithin = 5;  // milliseconds
constexpr std::size_t kMostText = wire::kMaxControl - sizeof(ControlHeader);

void flush_standard_streams() {
  for (const char* name : {"stdout", "stderr"}) {
    PyObject* stream = PySys_GetObject(name);
    if (stream == nullptr || stream == Py_None) continue;
    const Ref done = Ref::owned(PyObject_CallMethod(stream, "flush", nullptr));
    PyErr_Clear();
  }
}

}  // namespace

int Zygote::run(std::string_view warnings) {
  std::optional<Forked> forked;
  {
    signals_.emplace();
    const ControlHeader header{.kind = ControlKind::kImported, .pid = process().pid};
    if (!process().control.send(header, warnings.substr(0, kMostText), kPatience)) end_everything();
    // While the edge makes the first worker's channels:
    if (settings_.app) fill_memory_holes();
    app_files().remember_modules();
    forked = obey_until_stopped();
    signals_.reset();
  }
  if (!forked) {
    flush_standard_streams();
    _exit(0);  // a normal end waits for every thread that the app started at import
  }
  Worker worker(forked->worker, std::move(forked->threads), std::move(forked->slots), std::move(forked->stacks),
                std::move(settings_));
  worker.run();
  return 0;
}

std::optional<Zygote::Forked> Zygote::obey_until_stopped() {
  while (!stopping_ || !children_.empty()) {
    std::array<pollfd, 2> wanted{pollfd{process().control.descriptor(), POLLIN, 0},
                                 pollfd{signals_->child_event(), POLLIN, 0}};
    const int count = poll(wanted.data(), wanted.size(), forks_ ? kMoreForksWithin : -1);
    if (count == 0) end_forks();
    if (count <= 0) continue;
    if (wanted[1].revents != 0) reap();
    if (wanted[0].revents == 0) continue;
    Command command;
    const Control::Received received = process().control.receive(command);
    if (received == Control::Received::closed) end_everything();
    if (received == Control::Received::broken) abandon("the zygote was sent a broken control message\n");
    if (received == Control::Received::nothing) continue;
    std::optional<Forked> forked = obey(std::move(command));
    if (forked) return forked;
  }
  end_forks();
  return std::nullopt;
}

std::optional<Zygote::Forked> Zygote::obey(Command command) {
  switch (command.header.kind) {
    case ControlKind::kWorkerThread:
      collect(std::move(command));
      return std::nullopt;
    case ControlKind::kFork:
      if (stopping_) return std::nullopt;
      return fork_worker(std::move(command));
    case ControlKind::kStop:
      stopping_ = true;
      return std::nullopt;
    case ControlKind::kAskChanged:
      end_forks();
      tell_what_changed();
      return std::nullopt;
    default:
      abandon("the zygote was sent a control message that is not for it\n");
  }
}

void Zygote::collect(Command command) {
  const bool sane = command.header.thread < settings_.threads && command.descriptors.size() >= 2;
  if (!sane) abandon("the zygote was sent channels for a thread that cannot be\n");
  auto found = std::ranges::find(pending_, command.header.worker, &Pending::worker);
  if (found == pending_.end()) {
    if (pending_.size() == kMostPending) abandon("the zygote was sent channels of too many workers\n");
    pending_.push_back({command.header.worker, {}});
    found = std::prev(pending_.end());
    found->threads.resize(settings_.threads);
  }
  ThreadChannels& thread = found->threads[command.header.thread];
  thread.mailbox = std::move(command.descriptors.front());
  command.descriptors.erase(command.descriptors.begin());
  thread.answers = std::move(command.descriptors);
}

std::optional<std::vector<ThreadChannels>> Zygote::take_threads(std::uint32_t worker) {
  const auto found = std::ranges::find(pending_, worker, &Pending::worker);
  if (found == pending_.end()) return std::nullopt;
  std::vector<ThreadChannels> threads = std::move(found->threads);
  pending_.erase(found);
  const bool complete = std::ranges::all_of(threads, [](const ThreadChannels& thread) { return !!thread.mailbox; });
  if (!complete) return std::nullopt;
  return threads;
}

std::optional<Zygote::Forked> Zygote::fork_worker(Command command) {
  const std::uint32_t worker = command.header.worker;
  std::optional<std::vector<ThreadChannels>> threads = take_threads(worker);
  if (!threads || command.descriptors.size() != 2) {
    tell_not_forked(worker, "the edge could not send all of its channels");
    return std::nullopt;
  }
  begin_forks();
  const pid_t pid = fork();
  if (pid == 0) {
    PyOS_AfterFork_Child();
    pending_.clear();
    children_.clear();
    return Forked{worker, std::move(*threads), std::move(command.descriptors[0]), std::move(command.descriptors[1])};
  }
  if (pid < 0) {
    tell_not_forked(worker, std::strerror(errno));
    return std::nullopt;
  }
  children_.push_back({worker, pid});
  tell(ControlKind::kForked, children_.back(), 0);
  return std::nullopt;
}

/// What Python writes between two forks costs the first of the workers the pages that it shares with the others: those
/// that are asked for together are forked one right after the other.
void Zygote::begin_forks() {
  if (std::exchange(forks_, true)) return;
  flush_standard_streams();
  PyOS_BeforeFork();
}

void Zygote::end_forks() {
  if (std::exchange(forks_, false)) PyOS_AfterFork_Parent();
}

void Zygote::reap() {
  signals_->clear();
  // Only our own workers: what the app started at import is the app's to wait for.
  std::erase_if(children_, [this](const Child& child) {
    int status = 0;
    if (waitpid(child.pid, &status, WNOHANG) != child.pid) return false;
    tell(ControlKind::kExited, child, status);
    return true;
  });
}

void Zygote::tell_what_changed() {
  const ControlHeader header{.kind = ControlKind::kChanged, .pid = process().pid};
  const std::string what = app_files().first_change();
  if (!process().control.send(header, std::string_view(what).substr(0, kMostText), kPatience)) end_everything();
}

void Zygote::tell_not_forked(std::uint32_t worker, const std::string& reason) {
  send_log({}, "cannot fork worker " + std::to_string(worker) + ": " + reason + "\n");
  constexpr int kExitStatusOne = 1 << 8;
  tell(ControlKind::kExited, {worker, 0}, kExitStatusOne);
}

void Zygote::tell(ControlKind kind, const Child& child, int value) {
  const ControlHeader header{.kind = kind, .worker = child.worker, .pid = child.pid, .value = value};
  if (!process().control.send(header, {}, kPatience)) end_everything();
}

void Zygote::end_everything() {
  for (const Child& child : children_) kill(child.pid, SIGKILL);
  for (const Child& child : children_) waitpid(child.pid, nullptr, 0);
  _exit(0);
}

}  // namespace edge::gateway
