// Methods that only hand on.
#include "appserver/gateway/exchange_object.h"

namespace edge::gateway {
namespace {

struct Fields {
  PyObject_HEAD Exchange* exchange;
};

Exchange& exchange_of(PyObject* self) {
  return *reinterpret_cast<Fields*>(self)->exchange;
}

PyObject* send(PyObject* self, PyObject* message) {
  const Exchange::Sent sent = exchange_of(self).send(message);
  return sent == Exchange::Sent::error ? nullptr : PyLong_FromLong(static_cast<long>(sent));
}

PyObject* advance_kept(PyObject* self, PyObject*) {
  return PyBool_FromLong(exchange_of(self).advance() ? 1 : 0);
}

PyObject* take(PyObject* self, PyObject* size) {
  const unsigned long long bytes = PyLong_AsUnsignedLongLong(size);
  if (PyErr_Occurred() != nullptr) return nullptr;
  exchange_of(self).take(bytes);
  Py_RETURN_NONE;
}

PyObject* leave(PyObject* self, PyObject*) {
  exchange_of(self).leave();
  Py_RETURN_NONE;
}

PyObject* check_kept(PyObject* self, PyObject*) {
  if (!exchange_of(self).check_kept()) return nullptr;
  Py_RETURN_NONE;
}

PyObject* is_over(PyObject* self, PyObject*) {
  return PyBool_FromLong(exchange_of(self).is_over() ? 1 : 0);
}

PyObject* is_done(PyObject* self, PyObject*) {
  return PyBool_FromLong(exchange_of(self).is_done() ? 1 : 0);
}

PyObject* sequence(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(exchange_of(self).sequence());
}

PyObject* write_log(PyObject* self, PyObject* text) {
  const Ref bytes = Ref::owned(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
  if (!bytes) return nullptr;
  exchange_of(self).log().write(bytes_of(bytes.get()));
  exchange_of(self).log().flush();
  Py_RETURN_NONE;
}

PyObject* refuse_to_make(PyTypeObject*, PyObject*, PyObject*) {
  PyErr_SetString(PyExc_TypeError, "exchanges come with requests");
  return nullptr;
}

void release(PyObject* self) {
  delete reinterpret_cast<Fields*>(self)->exchange;
  free_object(self);
}

PyMethodDef methods[] = {
    {"send", send, METH_O, "One message of the app: 0 it went out, 1 it was kept in part, 2 the one before is kept."},
    {"advance", advance_kept, METH_NOARGS, "Sends of what is kept as much as may go out; True when nothing is left."},
    {"take", take, METH_O, "The client has taken so many bytes more."},
    {"leave", leave, METH_NOARGS, "Nobody wants the answer any more."},
    {"check_kept", check_kept, METH_NOARGS, "Raises when what was kept was dropped."},
    {"is_over", is_over, METH_NOARGS, "The answer is complete, or nobody wants it."},
    {"is_done", is_done, METH_NOARGS, "The app has ended and nothing is kept."},
    {"log", write_log, METH_O, "Text for the edge's log, under the request's id."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"sequence", sequence, nullptr, "Names the request.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("One request's answer.")},
    {Py_tp_new, reinterpret_cast<void*>(refuse_to_make)},
    {Py_tp_dealloc, reinterpret_cast<void*>(release)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, nullptr},
};

PyType_Spec spec{"edge_gateway.Exchange", sizeof(Fields), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyTypeObject* ExchangeObject::make_type() {
  return Exchange::prepare() ? gateway::make_type(spec) : nullptr;
}

Ref ExchangeObject::make(PyTypeObject* type, const wire::RequestHeader& request, FrameQueue& queue) {
  Ref object = Ref::owned(PyType_GenericAlloc(type, 0));
  if (object) reinterpret_cast<Fields*>(object.get())->exchange = new Exchange(request, queue);
  return object;
}

Exchange& ExchangeObject::exchange(PyObject* object) {
  return exchange_of(object);
}

}  // namespace edge::gateway
