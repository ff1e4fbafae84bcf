// The loop that the whole gateway is for.
#include "appserver/gateway/worker_thread.h"

#include <poll.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "appserver/gateway/disconnected.h"
#include "appserver/gateway/errors_stream.h"
#include "appserver/gateway/input.h"
#include "appserver/gateway/process.h"
#include "appserver/gateway/wsgi.h"

namespace edge::gateway {
namespace {

constexpr std::uint32_t kKnownFlags = wire::kBodyInFile | wire::kQuit;

/// The one descriptor that may come with a request. false: there were more, or other things.
bool take_descriptor(msghdr& message, Descriptor& file) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS || file) return false;
    if (part->cmsg_len != CMSG_LEN(sizeof(int))) return false;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(part), sizeof number);
    file = Descriptor(number);
  }
  return true;
}

bool is_file_of(int descriptor, std::uint64_t size) {
  struct stat facts{};
  return fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) && static_cast<std::uint64_t>(facts.st_size) == size;
}

}  // namespace

WorkerThread::WorkerThread(Worker& worker, std::size_t index, const ThreadChannels& channels)
    : worker_(worker),
      index_(index),
      channels_(channels),
      buffer_(std::make_unique_for_overwrite<char[]>(wire::kMaxRequestMessage)),
      interruptible_(worker.slot(index)),
      answer_(log_) {}

bool WorkerThread::prepare() {
  input_type_ = Ref::owned(reinterpret_cast<PyObject*>(Input::make_type()));
  disconnected_type_ = Ref::owned(reinterpret_cast<PyObject*>(Disconnected::make_type()));
  return input_type_ && disconnected_type_ && start_response_.prepare();
}

void WorkerThread::run() {
  if (!prepare()) {
    log_exception(log_, "a worker's thread could not start");
    return;
  }
  worker_.thread_is_ready();
  for (;;) {
    Message message;
    if (receive(message) != Received::request) return;
    run_signal_handlers();
    handle(message);
    if (answer_.is_cut_off()) return;
  }
}

WorkerThread::Received WorkerThread::receive(Message& to) {
  const ssize_t size = receive_bytes(to.file);
  if (size <= 0) return Received::closed;
  if (!parse({buffer_.get(), static_cast<std::size_t>(size)}, to)) {
    abandon("a worker was sent a request that makes no sense\n");
  }
  return (to.header.flags & wire::kQuit) != 0 ? Received::quit : Received::request;
}

/// One message of the mailbox; 0 when it was closed, and when the process is not the worker any more.
ssize_t WorkerThread::receive_bytes(Descriptor& file) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary;
  iovec part{buffer_.get(), wire::kMaxRequestMessage};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  for (;;) {
    if (process().is_stray) return 0;
    message.msg_control = ancillary.data();
    message.msg_controllen = ancillary.size();
    ssize_t size = recvmsg(channels_.mailbox.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EAGAIN) {
      run_signal_handlers();
      size = wait_for_bytes(message);
    }
    if (size >= 0) {
      const bool whole = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
      if (!take_descriptor(message, file) || !whole) abandon("a worker was sent a request that was cut off\n");
      return size;
    }
    if (errno != EINTR && errno != EAGAIN) return 0;
  }
}

/// Here and not inside the next request, which would otherwise get what they raise. The edge decides when a worker
/// ends.
void WorkerThread::run_signal_handlers() {
  if (PyErr_CheckSignals() != 0) log_exception(log_, "a signal handler of the app raised");
}

ssize_t WorkerThread::wait_for_bytes(msghdr& message) {
  WithoutLock without_lock;
  const ssize_t size = recvmsg(channels_.mailbox.get(), &message, MSG_CMSG_CLOEXEC);
  if (size >= 0 || errno != EAGAIN) return size;
  // The edge has made the socket non-blocking, for both ends of it that are open.
  pollfd wanted{channels_.mailbox.get(), POLLIN, 0};
  if (poll(&wanted, 1, -1) >= 0) errno = EAGAIN;
  return -1;
}

bool WorkerThread::parse(std::string_view bytes, Message& to) const {
  if (bytes.size() < sizeof to.header) return false;
  std::memcpy(&to.header, bytes.data(), sizeof to.header);
  if ((to.header.flags & ~kKnownFlags) != 0) return false;
  if ((to.header.flags & wire::kQuit) != 0) return true;
  bytes.remove_prefix(sizeof to.header);
  if (to.header.sequence == 0 || to.header.loop >= channels_.answers.size()) return false;
  if (bytes.size() < uwsgi::kHeaderSize) return false;
  const uwsgi::Header packet = uwsgi::decode_header(bytes.data());
  bytes.remove_prefix(uwsgi::kHeaderSize);
  if (packet.modifier1 != 0 || packet.modifier2 != 0 || packet.block_size > bytes.size()) return false;
  to.variables = bytes.substr(0, packet.block_size);
  to.body = bytes.substr(packet.block_size);
  if ((to.header.flags & wire::kBodyInFile) == 0) return !to.file && to.body.size() == to.header.body_size;
  return to.body.empty() && is_file_of(to.file.get(), to.header.body_size);
}

void WorkerThread::handle(Message& message) {
  wire::SharedSlot& slot = worker_.slot(index_);
  std::atomic_ref(slot.begun).store(message.header.sequence, std::memory_order_release);
  std::atomic_ref(slot.taken).fetch_add(1, std::memory_order_relaxed);
  interruptible_.open(message.header.sequence);
  const int channel = channels_.answers[message.header.loop].get();
  RequestFacts facts;
  Ref environ;
  auto built = Environ::Built::python_error;
  if (open_objects(message)) {
    const Environ::Objects objects{.input = input_.get(), .disconnected = disconnected_.get()};
    built = worker_.environ().build(message.variables, objects, facts, environ);
  }
  if (built == Environ::Built::broken_packet) abandon("a worker was sent a broken uwsgi packet\n");
  log_.set_request(facts.request_id);
  answer_.open(message.header, channel, slot, facts.is_head);
  PyObject* start_response = built == Environ::Built::ok ? start_response_.open(answer_) : nullptr;
  if (start_response == nullptr) {
    log_exception(log_, "a request could not be handed to the application");
    answer_.fail();
  } else if (answer_.is_wanted()) {
    set_request_lines(&log_);
    call_wsgi(worker_.app(), environ.get(), start_response, answer_, log_, interruptible_);
    environ.reset();
    set_request_lines(nullptr);
  } else {
    answer_.fail();
  }
  start_response_.close();
  close_objects();
  log_.flush();
  log_.set_request({});
}

bool WorkerThread::open_objects(Message& message) {
  if (!disconnected_) disconnected_ = Disconnected::make(reinterpret_cast<PyTypeObject*>(disconnected_type_.get()));
  if (!disconnected_ || !open_input(message)) return false;
  Disconnected::open(disconnected_.get(), worker_.slot(index_), message.header.sequence);
  return true;
}

/// An app that has kept an object keeps it; the next request gets another.
void WorkerThread::close_objects() {
  close_input();
  if (!disconnected_) return;
  Disconnected::close(disconnected_.get());
  if (Py_REFCNT(disconnected_.get()) != 1) disconnected_.reset();
}

bool WorkerThread::open_input(Message& message) {
  if (!input_) input_ = Input::make(reinterpret_cast<PyTypeObject*>(input_type_.get()));
  if (!input_) return false;
  RequestBody& body = Input::body(input_.get());
  if (message.file) {
    body.open(std::move(message.file), message.header.body_size);
  } else {
    body.open(message.body);
  }
  return true;
}

void WorkerThread::close_input() {
  if (!input_) return;
  Input::body(input_.get()).close();
  if (Py_REFCNT(input_.get()) != 1) input_.reset();
}

}  // namespace edge::gateway
