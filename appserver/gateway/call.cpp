// A coroutine by its methods: asyncio asks for no more (collections.abc.Coroutine).
#include "appserver/gateway/call.h"

#include "appserver/gateway/exchange_object.h"
#include "appserver/gateway/process.h"

namespace edge::gateway {
namespace {

struct CallObject {
  PyObject_HEAD PyObject* app;  // with its arguments, until the first step
  PyObject* arguments;
  PyObject* exchange;
  PyObject* ended;
  PyObject* coroutine;  // from the first step on
  PyObject* steps;      // its iterator; null again after the last step
  std::uint64_t delivered;
  bool is_over;
};

Interruptible* app_thread = nullptr;
PyTypeObject* exchange_type = nullptr;
PyObject* cancelled_type = nullptr;  // asyncio.CancelledError

CallObject& fields(PyObject* self) {
  return *reinterpret_cast<CallObject*>(self);
}

void drop(PyObject*& reference) {
  Ref::owned(std::exchange(reference, nullptr));
}

/// Calls the app. false with an error set.
bool begin(CallObject& call) {
  call.coroutine = PyObject_CallObject(call.app, call.arguments);
  drop(call.arguments);
  if (call.coroutine == nullptr) return false;
  call.steps = PyObject_CallMethod(call.coroutine, "__await__", nullptr);
  if (call.steps != nullptr && PyIter_Check(call.steps) != 0) return true;
  if (call.steps == nullptr && PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return false;
  PyErr_Format(PyExc_TypeError, "the application must return an awaitable, not %R",
               reinterpret_cast<PyObject*>(Py_TYPE(call.coroutine)));
  return false;
}

/// After the app's last step, with the error that it raised, if any. Leaves none.
void finish(CallObject& call) {
  call.is_over = true;
  ExchangeObject::exchange(call.exchange).end(*app_thread, cancelled_type);
  // It is ours and raises nothing, but a signal handler of the app may within it.
  for (int tries = 0; tries < 3 && !Ref::owned(PyObject_CallObject(call.ended, nullptr)); ++tries) {
    log_exception(ExchangeObject::exchange(call.exchange).log(), "a signal handler of the app raised");
  }
  drop(call.arguments);
  drop(call.app);
  drop(call.steps);
  drop(call.ended);
}

/// One step of the app by `run`. Null without an error: it was the last.
template <class Run>
PyObject* step(CallObject& call, Run run) {
  if (call.is_over) {
    PyErr_SetString(PyExc_RuntimeError, "cannot reuse the coroutine of a request");
    return nullptr;
  }
  app_thread->open(ExchangeObject::exchange(call.exchange).sequence(), call.delivered);
  app_thread->enter();
  PyObject* const waits_for = run(call);
  app_thread->leave();
  call.delivered = app_thread->delivered();
  leave_if_stray();
  if (waits_for == nullptr) finish(call);
  return waits_for;
}

PyObject* next(PyObject* self) {
  return step(fields(self), [](CallObject& call) -> PyObject* {
    if (call.steps == nullptr && !begin(call)) return nullptr;
    return PyIter_Next(call.steps);
  });
}

PyObject* or_stop_iteration(PyObject* result) {
  if (result == nullptr && PyErr_Occurred() == nullptr) PyErr_SetNone(PyExc_StopIteration);
  return result;
}

PyObject* send(PyObject* self, PyObject*) {
  return or_stop_iteration(next(self));
}

/// As a coroutine does that has not begun.
void raise(PyObject* exception) {
  if (PyExceptionInstance_Check(exception) != 0) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception)), exception);
  } else {
    PyErr_SetNone(exception);
  }
}

PyObject* throw_into(PyObject* self, PyObject* arguments) {
  if (PyTuple_Size(arguments) < 1) {
    PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
    return nullptr;
  }
  return or_stop_iteration(step(fields(self), [arguments](CallObject& call) -> PyObject* {
    if (call.steps == nullptr) {
      raise(PyTuple_GetItem(arguments, 0));
      return nullptr;
    }
    const Ref method = Ref::owned(PyObject_GetAttrString(call.steps, "throw"));
    PyObject* const result = method ? PyObject_CallObject(method.get(), arguments) : nullptr;
    if (result == nullptr && PyErr_ExceptionMatches(PyExc_StopIteration) != 0) PyErr_Clear();
    return result;
  }));
}

PyObject* close(PyObject* self, PyObject*) {
  if (fields(self).steps == nullptr) Py_RETURN_NONE;
  return PyObject_CallMethod(fields(self).steps, "close", nullptr);
}

PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject*) {
  PyObject* app = nullptr;
  PyObject* scope = nullptr;
  PyObject* receive = nullptr;
  PyObject* send_message = nullptr;
  PyObject* exchange = nullptr;
  PyObject* ended = nullptr;
  if (PyArg_ParseTuple(arguments, "OOOOO!O:Call", &app, &scope, &receive, &send_message, exchange_type, &exchange,
                       &ended) == 0) {
    return nullptr;
  }
  Ref three = Ref::owned(PyTuple_Pack(3, scope, receive, send_message));
  PyObject* const self = three ? PyType_GenericAlloc(type, 0) : nullptr;
  if (self == nullptr) return nullptr;
  CallObject& call = fields(self);
  call.app = Ref::borrowed(app).release();
  call.arguments = three.release();
  call.exchange = Ref::borrowed(exchange).release();
  call.ended = Ref::borrowed(ended).release();
  return self;
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
  PyObject* const own = PyObject_GenericGetAttr(self, name);
  if (own != nullptr || fields(self).coroutine == nullptr) return own;
  if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return nullptr;
  PyErr_Clear();
  return PyObject_GetAttr(fields(self).coroutine, name);
}

void release(PyObject* self) {
  CallObject& call = fields(self);
  for (PyObject** reference : {&call.app, &call.arguments, &call.steps, &call.coroutine, &call.ended, &call.exchange}) {
    drop(*reference);
  }
  free_object(self);
}

PyMethodDef methods[] = {
    {"send", send, METH_O, "The next step."},
    {"throw", throw_into, METH_VARARGS, "The next step, with an exception."},
    {"close", close, METH_NOARGS, "Closes the app's coroutine."},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("Call(app, scope, receive, send, exchange, ended): the coroutine of one request.")},
    {Py_tp_new, reinterpret_cast<void*>(make)},
    {Py_tp_dealloc, reinterpret_cast<void*>(release)},
    {Py_am_await, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_tp_iternext, reinterpret_cast<void*>(next)},
    {Py_tp_getattro, reinterpret_cast<void*>(get_attribute)},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec{"edge_gateway.Call", sizeof(CallObject), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyTypeObject* Call::make_type(Interruptible& thread, PyTypeObject* exchanges) {
  const Ref module = Ref::owned(PyImport_ImportModule("asyncio"));
  cancelled_type = module ? PyObject_GetAttrString(module.get(), "CancelledError") : nullptr;
  app_thread = &thread;
  exchange_type = exchanges;
  return cancelled_type != nullptr ? gateway::make_type(spec) : nullptr;
}

}  // namespace edge::gateway
