// Two ways to a thread: a signal handler of Python for the main one, PyThreadState_SetAsyncExc for others.
#include "appserver/gateway/interrupt.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <vector>

#include "appserver/gateway/descriptor.h"
#include "appserver/gateway/process.h"

namespace edge::gateway {
namespace {

constexpr char kTimeoutName[] = "edge_gateway.RequestTimeout";
constexpr char kTimeoutText[] =
    "Raised in a request that ran longer than the app's request_timeout; its client has got 504. A BaseException, so "
    "that an `except Exception` does not keep the request alive. Clean up and let it pass: a worker that does not come "
    "free soon is replaced.";
constexpr char kDisconnectedName[] = "edge_gateway.ClientDisconnected";
constexpr char kDisconnectedText[] =
    "Raised in a request whose client has left, where the route says cancel_on_disconnect. A BaseException, so that an "
    "`except Exception` does not keep the request alive.";

PyObject* timeout_type = nullptr;  // owned by the module, which lives as long as the process
PyObject* disconnected_type = nullptr;

std::vector<Interruptible*>& threads() {
  static std::vector<Interruptible*> all;
  return all;
}

std::uint64_t load(const std::uint64_t& shared) {
  return std::atomic_ref(const_cast<std::uint64_t&>(shared)).load(std::memory_order_acquire);
}

bool add_type(PyObject* module, const char* attribute, const char* name, const char* text, PyObject*& type) {
  type = PyErr_NewExceptionWithDoc(name, text, PyExc_BaseException, nullptr);
  if (type == nullptr) return false;
  Py_INCREF(type);
  return PyModule_AddObject(module, attribute, type) == 0;
}

/// Python's handler of kInterruptSignal where the app runs in the main thread: what it raises arises in the app.
PyObject* interrupted(PyObject*, PyObject*) {
  for (Interruptible* thread : threads()) {
    if (PyObject* const type = thread->due()) {
      PyErr_SetNone(type);
      return nullptr;
    }
  }
  Py_RETURN_NONE;
}

PyMethodDef interrupted_definition{"interrupted", interrupted, METH_VARARGS, nullptr};

bool handle_in_python() {
  const Ref handler = Ref::owned(PyCFunction_NewEx(&interrupted_definition, nullptr, nullptr));
  const Ref module = Ref::owned(PyImport_ImportModule("_signal"));
  if (!handler || !module) return false;
  return static_cast<bool>(
      Ref::owned(PyObject_CallMethod(module.get(), "signal", "iO", wire::kInterruptSignal, handler.get())));
}

int event_of_handler = -1;  // for the handler, which may run in any thread

void signal_came(int) {
  const int before = errno;
  eventfd_write(event_of_handler, 1);
  errno = before;
}

bool handle_by_event() {
  static Descriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  event_of_handler = event.get();
  struct sigaction action{};
  action.sa_handler = signal_came;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (event && sigaction(wire::kInterruptSignal, &action, nullptr) == 0) return true;
  PyErr_SetFromErrno(PyExc_OSError);
  return false;
}

}  // namespace

bool add_interrupt_types(PyObject* module) {
  return add_type(module, "RequestTimeout", kTimeoutName, kTimeoutText, timeout_type) &&
         add_type(module, "ClientDisconnected", kDisconnectedName, kDisconnectedText, disconnected_type);
}

Interruptible::Interruptible(wire::SharedSlot& slot) : slot_(slot), thread_(pthread_self()) {
  std::atomic_ref(slot_.thread).store(thread_, std::memory_order_release);
  threads().push_back(this);
}

Interruptible::~Interruptible() {
  std::erase(threads(), this);
}

void Interruptible::open(std::uint64_t sequence, std::uint64_t delivered) {
  sequence_ = sequence;
  delivered_ = delivered;
}

void Interruptible::enter() {
  if (process().is_stray) return;
  running_ = sequence_;
  std::atomic_ref(slot_.running).store(running_, std::memory_order_release);
}

void Interruptible::leave() {
  if (running_ == 0 || process().is_stray) return;
  running_ = 0;
  std::atomic_ref(slot_.running).store(0, std::memory_order_release);
  if (delivered_ != 0) PyThreadState_SetAsyncExc(thread_, nullptr);
}

bool Interruptible::take_error(std::string_view& why) {
  if (delivered_ == 0 || PyErr_Occurred() == nullptr) return false;
  const bool timed_out = PyErr_ExceptionMatches(timeout_type) != 0;
  if (!timed_out && PyErr_ExceptionMatches(disconnected_type) == 0) return false;
  PyErr_Clear();
  why = timed_out ? "interrupted: it ran longer than request_timeout\n" : "";
  return true;
}

PyObject* Interruptible::due() {
  if (running_ == 0 || load(slot_.interrupted) != running_ || process().is_stray) return nullptr;
  const std::uint64_t reason = load(slot_.reason);
  if (reason != wire::kRequestTimeout && reason != wire::kClientDisconnected) return nullptr;
  const std::uint64_t bit = std::uint64_t{1} << reason;
  if ((delivered_ & bit) != 0) return nullptr;
  delivered_ |= bit;
  return reason == wire::kRequestTimeout ? timeout_type : disconnected_type;
}

bool accept_interrupts(bool in_main_thread) {
  return in_main_thread ? handle_in_python() : handle_by_event();
}

int interrupt_event() {
  return event_of_handler;
}

void deliver_interrupts() {
  eventfd_t count = 0;
  eventfd_read(event_of_handler, &count);
  for (Interruptible* thread : threads()) {
    if (PyObject* const type = thread->due()) PyThreadState_SetAsyncExc(thread->thread(), type);
  }
}

}  // namespace edge::gateway
