// From fork to exit: the shared memory, the import where it was left to the worker, the threads.
#include "appserver/gateway/worker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "appserver/gateway/asgi_worker.h"
#include "appserver/gateway/interrupt.h"
#include "appserver/gateway/log.h"
#include "appserver/gateway/process.h"
#include "appserver/gateway/scheduling.h"
#include "appserver/gateway/signals.h"
#include "appserver/gateway/stacks.h"
#include "appserver/gateway/worker_thread.h"

namespace edge::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;

/// Ends a worker that never served, at once: threads that its import left could keep a normal end from coming.
[[noreturn]] void give_up() {
  constexpr int kFailed = 1;
  _exit(kFailed);
}

Worker* current = nullptr;

/// For os.register_at_fork: the app forked a process of its own out of this worker. It must neither hold the worker's
/// channels open nor write to them.
PyObject* app_forked(PyObject*, PyObject*) {
  process().is_stray = true;
  process().control.close();
  if (current != nullptr) current->close_channels();
  restore_default_signals();
  Scheduling::leave_to_app();
  release_group_signals();
  Py_RETURN_NONE;
}

PyObject* app_forks(PyObject*, PyObject*) {
  hold_group_signals();
  Py_RETURN_NONE;
}

PyObject* app_has_forked(PyObject*, PyObject*) {
  release_group_signals();
  Py_RETURN_NONE;
}

PyMethodDef app_forked_definition{"app_forked", app_forked, METH_NOARGS, nullptr};
PyMethodDef app_forks_definition{"app_forks", app_forks, METH_NOARGS, nullptr};
PyMethodDef app_has_forked_definition{"app_has_forked", app_has_forked, METH_NOARGS, nullptr};

bool watch_forks() {
  const Ref hook = Ref::owned(PyCFunction_NewEx(&app_forked_definition, nullptr, nullptr));
  const Ref before = Ref::owned(PyCFunction_NewEx(&app_forks_definition, nullptr, nullptr));
  const Ref after = Ref::owned(PyCFunction_NewEx(&app_has_forked_definition, nullptr, nullptr));
  const Ref os = Ref::owned(PyImport_ImportModule("os"));
  if (!hook || !before || !after || !os) return false;
  const Ref register_hook = Ref::owned(PyObject_GetAttrString(os.get(), "register_at_fork"));
  const Ref arguments = Ref::owned(PyTuple_New(0));
  const Ref names = Ref::owned(Py_BuildValue("{s:O,s:O,s:O}", "before", before.get(), "after_in_parent", after.get(),
                                             "after_in_child", hook.get()));
  if (!register_hook || !arguments || !names) return false;
  return static_cast<bool>(Ref::owned(PyObject_Call(register_hook.get(), arguments.get(), names.get())));
}

PyObject* run_thread(PyObject*, PyObject* index) {
  const std::size_t thread = PyLong_AsSize_t(index);
  if (PyErr_Occurred() != nullptr) return nullptr;
  name_thread("edge-" + std::to_string(thread + 1));
  current->serve(thread);
  current->thread_has_ended();
  Py_RETURN_NONE;
}

PyMethodDef run_thread_definition{"run_thread", run_thread, METH_O, nullptr};

/// Here and nowhere else, so that what they raise meets nothing of ours: the edge decides when a worker ends.
void run_signal_handlers() {
  LogLines log;
  if (PyErr_CheckSignals() != 0) log_exception(log, "a signal handler of the app raised");
}

std::string text_of_error() {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  std::string text = "the app could not be imported";
  const Ref shown = Ref::owned(value != nullptr ? PyObject_Str(value) : nullptr);
  const Ref bytes = Ref::owned(shown ? PyUnicode_AsEncodedString(shown.get(), "utf-8", "backslashreplace") : nullptr);
  if (bytes) text = bytes_of(bytes.get());
  PyErr_Clear();
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(trace);
  return text;
}

void tell(wire::ControlKind kind, std::string_view text, std::int32_t value = 0) {
  constexpr std::size_t kMostText = wire::kMaxControl - sizeof(wire::ControlHeader);
  if (text.size() > kMostText) text.remove_prefix(text.size() - kMostText);
  const wire::ControlHeader header{.kind = kind, .worker = process().worker, .pid = process().pid, .value = value};
  process().control.send(header, text, kPatience);
}

}  // namespace

bool WorkerSettings::take_app(PyObject* found) {
  int number = 0;
  PyObject* callable = nullptr;
  if (PyArg_ParseTuple(found, "iO", &number, &callable) == 0) return false;
  interface = number == wire::kAsgi ? wire::kAsgi : wire::kWsgi;
  app = Ref::borrowed(callable);
  return true;
}

Worker::Worker(std::uint32_t number, std::vector<ThreadChannels> threads, Descriptor slots, Descriptor stacks,
               WorkerSettings settings)
    : threads_(std::move(threads)),
      slots_memory_(std::move(slots)),
      stacks_(std::move(stacks)),
      settings_(std::move(settings)),
      all_ended_(eventfd(0, EFD_CLOEXEC)) {
  process().worker = number;
  process().pid = getpid();
  current = this;
}

Worker::~Worker() {
  current = nullptr;
}

void Worker::enter() {
  if (!die_with_parent(settings_.zygote)) give_up();
  show_as_worker(process().name, process().worker);
  struct stat facts{};
  const std::size_t loops = threads_.front().answers.size();
  const std::size_t size = wire::SharedMemory::size(settings_.threads, loops);
  if (fstat(slots_memory_.get(), &facts) != 0 || static_cast<std::size_t>(facts.st_size) < size) {
    abandon("a worker was sent too small a piece of shared memory\n");
  }
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, slots_memory_.get(), 0);
  if (memory == MAP_FAILED) abandon("a worker could not map its shared memory\n");
  slots_memory_.reset();
  shared_ = wire::SharedMemory(memory, settings_.threads, loops);
}

void Worker::import_app() {
  if (settings_.app) return;
  const Ref found = Ref::owned(PyObject_CallObject(settings_.load.get(), nullptr));
  if (!found || !settings_.take_app(found.get())) fail(text_of_error());
}

/// false with an error set.
bool Worker::prepare() {
  const bool in_main_thread = settings_.threads == 1;
  if (!offer_stacks(std::move(stacks_))) return false;
  import_app();
  return watch_forks() && accept_interrupts(in_main_thread);
}

void Worker::run() {
  enter();
  if (prepare() && serve_app()) return;
  LogLines log;
  if (PyErr_Occurred() != nullptr) log_exception(log, "a worker could not start");
  give_up();
}

bool Worker::serve_app() {
  if (settings_.interface == wire::kAsgi) return AsgiWorker(*this, threads_[0]).run();
  if (settings_.threads > 1) return serve_in_threads();
  serve(0);
  return true;
}

void Worker::fail(std::string_view why) {
  tell(wire::ControlKind::kWorkerFailed, why);
  give_up();
}

void Worker::close_channels() {
  threads_.clear();
}

void Worker::serve(std::size_t thread) {
  WorkerThread(*this, thread, threads_[thread]).run();
}

void Worker::thread_is_ready() {
  if (++ready_threads_ == settings_.threads) tell(wire::ControlKind::kReady, {}, settings_.interface);
}

bool Worker::serve_in_threads() {
  std::vector<Ref> threads;
  {
    const GroupSignalsAside no_handlers;
    run_signal_handlers();  // of what came before
    if (!start_threads(threads)) return false;
  }
  wait_for_threads();
  const GroupSignalsAside no_handlers;
  run_signal_handlers();
  for (const Ref& thread : threads) {
    if (!Ref::owned(PyObject_CallMethod(thread.get(), "join", nullptr))) return false;
  }
  return true;
}

bool Worker::start_threads(std::vector<Ref>& to) {
  const Ref module = Ref::owned(PyImport_ImportModule("threading"));
  const Ref make = Ref::owned(module ? PyObject_GetAttrString(module.get(), "Thread") : nullptr);
  const Ref target = Ref::owned(PyCFunction_NewEx(&run_thread_definition, nullptr, nullptr));
  const Ref no_arguments = Ref::owned(PyTuple_New(0));
  if (!make || !target || !no_arguments) return false;
  for (std::uint32_t i = 0; i < settings_.threads; ++i) {
    const Ref name = Ref::owned(PyUnicode_FromFormat("edge-%u", i + 1));
    const Ref names =
        Ref::owned(Py_BuildValue("{s:O,s:(I),s:O}", "target", target.get(), "args", i, "name", name.get()));
    Ref thread = Ref::owned(names ? PyObject_Call(make.get(), no_arguments.get(), names.get()) : nullptr);
    if (!thread || !Ref::owned(PyObject_CallMethod(thread.get(), "start", nullptr))) return false;
    to.push_back(std::move(thread));
  }
  return true;
}

/// Not by join(): when a signal handler raises inside it, CPython takes the thread for ended (its issue 90882).
void Worker::wait_for_threads() {
  while (ended_threads_ < settings_.threads) {
    {
      // A signal that came just before the wait is seen after it at the latest.
      constexpr int kLongestWait = 1000;
      WithoutLock without_lock;
      std::array wanted{pollfd{all_ended_.get(), POLLIN, 0}, pollfd{interrupt_event(), POLLIN, 0}};
      poll(wanted.data(), wanted.size(), kLongestWait);
    }
    deliver_interrupts();
    run_signal_handlers();
  }
}

void Worker::thread_has_ended() {
  if (++ended_threads_ == settings_.threads) eventfd_write(all_ended_.get(), 1);
}

}  // namespace edge::gateway
