// Requests in, notices in; what becomes of them is asgi.py's.
#include "appserver/gateway/asgi_worker.h"

#include <atomic>

#include "appserver/gateway/asgi_module.h"
#include "appserver/gateway/call.h"
#include "appserver/gateway/exchange_object.h"
#include "appserver/gateway/process.h"

namespace edge::gateway {
namespace {

constexpr int kMostAtOnce = 16;  // requests, so that tasks get their turn

/// Bytes, or a raw file object that owns the descriptor. Null with an error set.
Ref body_of(RequestMessage& message) {
  if (!message.file) return bytes_object(message.body);
  constexpr int kUnbuffered = 0;
  constexpr int kCloses = 1;
  Ref file =
      Ref::owned(PyFile_FromFd(message.file.get(), nullptr, "rb", kUnbuffered, nullptr, nullptr, nullptr, kCloses));
  if (file) message.file.release();
  return file;
}

}  // namespace

AsgiWorker::AsgiWorker(Worker& worker, const ThreadChannels& channels)
    : worker_(worker),
      channels_(channels),
      mailbox_(channels.mailbox.get(), channels.answers.size()),
      interruptible_(worker.slot(0)) {
  for (const Descriptor& channel : channels.answers) queues_.emplace_back(channel.get(), watch_);
}

AsgiWorker::~AsgiWorker() {
  release_edge_module();
}

bool AsgiWorker::run() {
  if (!prepare_asgi() || !scopes_.prepare()) return false;
  if (!watch_.open(channels_.answers)) {
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
  }
  exchange_type_ = Ref::owned(reinterpret_cast<PyObject*>(ExchangeObject::make_type()));
  if (!exchange_type_) return false;
  auto* const exchanges = reinterpret_cast<PyTypeObject*>(exchange_type_.get());
  call_type_ = Ref::owned(reinterpret_cast<PyObject*>(Call::make_type(interruptible_, exchanges)));
  const Ref edge = call_type_ ? make_edge_module(*this, channels_, call_type_.get()) : Ref();
  const Ref serve = Ref::owned(edge ? PyObject_GetAttrString(asgi_source_module(), "serve") : nullptr);
  if (!serve) return false;
  return static_cast<bool>(Ref::owned(PyObject_CallFunctionObjArgs(serve.get(), edge.get(), worker_.app(), nullptr)));
}

AsgiWorker::Mail AsgiWorker::read_mailbox(PyObject* begin) {
  if (PyErr_CheckSignals() != 0) log_exception(log_, "a signal handler of the app raised");
  for (int i = 0; i < kMostAtOnce; ++i) {
    RequestMessage message;
    const Mailbox::Received received = mailbox_.receive(message);
    if (received == Mailbox::Received::nothing) return Mail::empty;
    if (received != Mailbox::Received::request) return Mail::closed;
    handle(message, begin);
  }
  return Mail::more;
}

void AsgiWorker::handle(RequestMessage& message, PyObject* begin) {
  wire::SharedSlot& slot = worker_.slot(0);
  std::atomic_ref(slot.begun).store(message.header.sequence, std::memory_order_release);
  std::atomic_ref(slot.taken).fetch_add(1, std::memory_order_relaxed);
  scheduling_.take_request();
  Ref scope;
  const Ref exchange = open_exchange(message, scope);
  const Ref body = scope ? body_of(message) : Ref();
  if (body && Ref::owned(PyObject_CallFunctionObjArgs(begin, scope.get(), body.get(), exchange.get(), nullptr))) return;
  log_exception(exchange ? ExchangeObject::exchange(exchange.get()).log() : log_,
                "a request could not be handed to the application");
  if (exchange) ExchangeObject::exchange(exchange.get()).end(interruptible_, PyExc_BaseException);
}

/// Both, or null with an error set; an exchange alone when there is no scope.
Ref AsgiWorker::open_exchange(const RequestMessage& message, Ref& scope) {
  auto* const type = reinterpret_cast<PyTypeObject*>(exchange_type_.get());
  Ref exchange = ExchangeObject::make(type, message.header, queues_[message.header.loop]);
  if (!exchange) return {};
  RequestFacts facts;
  const Environ::Built built = scopes_.build(message.variables, facts, scope);
  if (built == Environ::Built::broken_packet) abandon("a worker was sent a broken uwsgi packet\n");
  ExchangeObject::exchange(exchange.get()).open(facts);
  return exchange;
}

bool AsgiWorker::flush() {
  watch_.forget();
  bool flushed = true;
  for (FrameQueue& queue : queues_) flushed = queue.flush() && flushed;
  return flushed;
}

Ref AsgiWorker::read_notices(std::size_t channel, PyObject* to) {
  std::vector<wire::Notice> notices;
  if (!queues_[channel].read_notices(notices)) return Ref::borrowed(Py_False);
  for (const wire::Notice& notice : notices) {
    if (notice.kind < wire::kTaken || notice.kind > wire::kCancel) {
      abandon("a worker was sent a notice that makes no sense\n");
    }
    if (notice.kind == wire::kCancel) std::atomic_ref(worker_.slot(0).heard).fetch_add(1, std::memory_order_release);
    const Ref entry =
        Ref::owned(Py_BuildValue("[KII]", static_cast<unsigned long long>(notice.sequence), notice.kind, notice.value));
    if (!entry || PyList_Append(to, entry.get()) != 0) return {};
  }
  return Ref::borrowed(Py_True);
}

}  // namespace edge::gateway
