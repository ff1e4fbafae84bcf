// Our handler of the signal calls that of faulthandler, which it has taken over, and writes the end mark behind it.
#include "appserver/gateway/stacks.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "appserver/gateway/python.h"
#include "appserver/wire.h"

namespace edge::gateway {
namespace {

// For the handler, which may run in any thread.
int pipe_of_handler = -1;
void (*write_stacks)(int) = nullptr;

void asked_for_stacks(int number) {
  const int before = errno;
  write_stacks(number);
  if (write(pipe_of_handler, &wire::kStacksEnd, 1) < 0) {
    // The pipe is full: the edge, which reads for a second at most, takes what there is.
  }
  errno = before;
}

bool enlist_faulthandler(int pipe) {
  const Ref module = Ref::owned(PyImport_ImportModule("faulthandler"));
  const Ref enlist = Ref::owned(module ? PyObject_GetAttrString(module.get(), "register") : nullptr);
  const Ref arguments = Ref::owned(Py_BuildValue("(i)", wire::kStacksSignal));
  const Ref names = Ref::owned(Py_BuildValue("{s:i,s:O}", "file", pipe, "all_threads", Py_True));
  if (!enlist || !arguments || !names) return false;
  return static_cast<bool>(Ref::owned(PyObject_Call(enlist.get(), arguments.get(), names.get())));
}

/// Not by faulthandler's own `chain`, which takes its handler out for a moment at each signal.
bool stand_in_front() {
  struct sigaction theirs{};
  if (sigaction(wire::kStacksSignal, nullptr, &theirs) != 0) return false;
  write_stacks = theirs.sa_handler;
  theirs.sa_handler = asked_for_stacks;  // with their flags: system calls go on, and an alternative stack is used
  return sigaction(wire::kStacksSignal, &theirs, nullptr) == 0;
}

}  // namespace

bool offer_stacks(Descriptor pipe) {
  static Descriptor kept;
  kept = std::move(pipe);
  pipe_of_handler = kept.get();
  if (!enlist_faulthandler(kept.get())) return false;
  // A full pipe must not hold a handler, and with it a thread, for ever.
  if (fcntl(kept.get(), F_SETFL, O_NONBLOCK) == 0 && stand_in_front()) return true;
  PyErr_SetFromErrno(PyExc_OSError);
  return false;
}

}  // namespace edge::gateway
