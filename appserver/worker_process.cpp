// Making what a worker shares with the edge, and ending it.
#include "appserver/worker_process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace edge {

Result<std::shared_ptr<WorkerProcess>> WorkerProcess::create(std::uint32_t number, unsigned threads,
                                                             std::size_t loops) {
  const std::size_t bytes = wire::SharedMemory::size(threads, loops);
  UniqueFd memory(memfd_create("edge-slots", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  // A worker that shrank the file would make the edge's next store a SIGBUS.
  const bool sized = memory && ftruncate(memory.get(), static_cast<off_t>(bytes)) == 0 &&
                     fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
  void* const mapped = sized ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0) : MAP_FAILED;
  if (mapped == MAP_FAILED) {
    return fail(ErrorKind::internal, Side::ours,
                std::string("no memory shared with a worker: ") + std::strerror(errno));
  }
  auto worker = std::make_shared<WorkerProcess>(number, std::move(memory), wire::SharedMemory(mapped, threads, loops));
  for (unsigned thread = 0; thread < threads; ++thread) {
    Result<Mailbox> mailbox = Mailbox::open(worker->shared_.requests(thread));
    if (!mailbox) return std::unexpected(std::move(mailbox.error()));
    worker->slots_.push_back(std::make_unique<Slot>(*worker, std::move(*mailbox), worker->shared_.slot(thread), loops));
  }
  return worker;
}

WorkerProcess::WorkerProcess(std::uint32_t number, UniqueFd memory, wire::SharedMemory shared)
    : number_(number), memory_(std::move(memory)), shared_(shared) {}

WorkerProcess::~WorkerProcess() {
  slots_.clear();
  munmap(shared_.bytes(), shared_.size());
}

void WorkerProcess::identify(pid_t pid) {
  pid_ = pid;
  process_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

void WorkerProcess::kill() const {
  signal(SIGKILL);
}

void WorkerProcess::signal(int number) const {
  // glibc 2.36 declares wrappers of the pidfd calls, but not for C++.
  if (process_) syscall(SYS_pidfd_send_signal, process_.get(), number, nullptr, 0);
}

unsigned WorkerProcess::thread_of(const Slot& slot) const {
  unsigned thread = 0;
  while (slots_[thread].get() != &slot) ++thread;
  return thread;
}

std::uint64_t WorkerProcess::running(unsigned thread) const {
  return std::atomic_ref(shared_.slot(thread).running).load(std::memory_order_acquire);
}

std::uint64_t WorkerProcess::begun(unsigned thread) const {
  return std::atomic_ref(shared_.slot(thread).begun).load(std::memory_order_acquire);
}

std::uint64_t WorkerProcess::thread_ident(unsigned thread) const {
  return std::atomic_ref(shared_.slot(thread).thread).load(std::memory_order_acquire);
}

std::uint64_t WorkerProcess::heard(unsigned thread) const {
  return std::atomic_ref(shared_.slot(thread).heard).load(std::memory_order_acquire);
}

void WorkerProcess::interrupt(unsigned thread, std::uint64_t sequence, wire::InterruptReason reason) const {
  wire::SharedSlot& slot = shared_.slot(thread);
  std::atomic_ref(slot.reason).store(reason, std::memory_order_relaxed);
  std::atomic_ref(slot.interrupted).store(sequence, std::memory_order_release);
  signal(wire::kInterruptSignal);
}

void WorkerProcess::quit() {
  leaving_.store(true, std::memory_order_release);
  for (const auto& slot : slots_) slot->mailbox.send_quit();
}

}  // namespace edge
