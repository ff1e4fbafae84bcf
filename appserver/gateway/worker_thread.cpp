// The loop that the whole gateway is for.
#include "appserver/gateway/worker_thread.h"

#include <atomic>

#include "appserver/gateway/disconnected.h"
#include "appserver/gateway/errors_stream.h"
#include "appserver/gateway/input.h"
#include "appserver/gateway/process.h"
#include "appserver/gateway/wsgi.h"

namespace edge::gateway {

WorkerThread::WorkerThread(Worker& worker, std::size_t index, const ThreadChannels& channels)
    : worker_(worker),
      objects_(wsgi_objects()),
      index_(index),
      mailbox_(channels.mailbox.get(), channels.answers.size(), &worker.shared().requests(index)),
      interruptible_(worker.slot(index)),
      answer_(log_, wire::kMaxAnswerHead),
      start_response_(objects_.start_response_types) {
  for (std::size_t loop = 0; loop < channels.answers.size(); ++loop) {
    channels_.emplace_back(channels.answers[loop].get(), worker.shared().answers(index, loop));
  }
}

void WorkerThread::run() {
  worker_.thread_is_ready();
  for (;;) {
    RequestMessage message;
    if (receive(message) != Mailbox::Received::request) return;
    run_signal_handlers();
    handle(message);
    if (answer_.is_cut_off()) return;
  }
}

Mailbox::Received WorkerThread::receive(RequestMessage& to) {
  Mailbox::Received received = mailbox_.receive(to);
  while (received == Mailbox::Received::nothing || received == Mailbox::Received::question) {
    if (received == Mailbox::Received::question) {
      std::atomic_ref(worker_.slot(index_).heard).fetch_add(1, std::memory_order_release);
    }
    run_signal_handlers();
    scheduling_.wait_for_request();
    received = mailbox_.wait(to);
    if (received == Mailbox::Received::nothing) received = mailbox_.receive(to);
  }
  return received;
}

/// Here and not inside the next request, which would otherwise get what they raise. The edge decides when a worker
/// ends.
void WorkerThread::run_signal_handlers() {
  if (PyErr_CheckSignals() != 0) log_exception(log_, "a signal handler of the app raised");
}

void WorkerThread::handle(RequestMessage& message) {
  wire::SharedSlot& slot = worker_.slot(index_);
  std::atomic_ref(slot.begun).store(message.header.sequence, std::memory_order_release);
  std::atomic_ref(slot.taken).fetch_add(1, std::memory_order_relaxed);
  scheduling_.take_request();
  interruptible_.open(message.header.sequence);
  RequestFacts facts;
  Ref environ;
  auto built = Environ::Built::python_error;
  if (open_objects(message)) {
    const Environ::Objects objects{.input = input_.get(), .disconnected = disconnected_.get()};
    built = objects_.environ.build(message.variables, objects, facts, environ);
  }
  if (built == Environ::Built::broken_packet) abandon("a worker was sent a broken uwsgi packet\n");
  log_.set_request(facts.request_id);
  answer_.open(message.header, channels_[message.header.loop], slot.cancelled, facts.is_head);
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

bool WorkerThread::open_objects(RequestMessage& message) {
  if (!disconnected_)
    disconnected_ = Disconnected::make(reinterpret_cast<PyTypeObject*>(objects_.disconnected_type.get()));
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

bool WorkerThread::open_input(RequestMessage& message) {
  if (!input_) input_ = Input::make(reinterpret_cast<PyTypeObject*>(objects_.input_type.get()));
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
