// The methods of wsgi.input.
#include "appserver/gateway/input.h"

namespace edge::gateway {
namespace {

struct InputObject {
  PyObject_HEAD RequestBody* body;  // null when Python code made the object
};

RequestBody* body_of(PyObject* self) {
  RequestBody* body = reinterpret_cast<InputObject*>(self)->body;
  if (body == nullptr) PyErr_SetString(PyExc_ValueError, "this wsgi.input belongs to no request");
  return body;
}

/// The optional size of read(), readline() and readlines(): None or a negative one means no limit.
bool parse_size(PyObject* arguments, const char* format, Py_ssize_t& size) {
  PyObject* given = Py_None;
  size = -1;
  if (PyArg_ParseTuple(arguments, format, &given) == 0) return false;
  if (given == Py_None) return true;
  size = PyNumber_AsSsize_t(given, PyExc_OverflowError);
  return size != -1 || PyErr_Occurred() == nullptr;
}

PyObject* read(PyObject* self, PyObject* arguments) {
  RequestBody* body = body_of(self);
  Py_ssize_t size = 0;
  if (body == nullptr || !parse_size(arguments, "|O:read", size)) return nullptr;
  return body->read(size);
}

PyObject* read_line(PyObject* self, PyObject* arguments) {
  RequestBody* body = body_of(self);
  Py_ssize_t size = 0;
  if (body == nullptr || !parse_size(arguments, "|O:readline", size)) return nullptr;
  return body->read_line(size);
}

PyObject* read_lines(PyObject* self, PyObject* arguments) {
  RequestBody* body = body_of(self);
  Py_ssize_t hint = 0;
  if (body == nullptr || !parse_size(arguments, "|O:readlines", hint)) return nullptr;
  Ref lines = Ref::owned(PyList_New(0));
  if (!lines) return nullptr;
  for (Py_ssize_t total = 0; hint <= 0 || total < hint;) {
    const Ref line = Ref::owned(body->read_line(-1));
    if (!line) return nullptr;
    const Py_ssize_t size = PyBytes_Size(line.get());
    if (size == 0) break;
    if (PyList_Append(lines.get(), line.get()) != 0) return nullptr;
    total += size;
  }
  return lines.release();
}

PyObject* next(PyObject* self) {
  RequestBody* body = body_of(self);
  if (body == nullptr) return nullptr;
  Ref line = Ref::owned(body->read_line(-1));
  return line && PyBytes_Size(line.get()) > 0 ? line.release() : nullptr;
}

void release(PyObject* self) {
  delete reinterpret_cast<InputObject*>(self)->body;
  free_object(self);
}

PyMethodDef methods[] = {
    {"read", read, METH_VARARGS, "read([size]): at most size bytes, or all that is left."},
    {"readline", read_line, METH_VARARGS, "readline([size]): the next line, at most size bytes of it."},
    {"readlines", read_lines, METH_VARARGS, "readlines([hint]): a list of lines, about hint bytes of them."},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("wsgi.input: the body of one request.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(release)},
    {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_tp_iternext, reinterpret_cast<void*>(next)},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec{"edge_gateway.Input", sizeof(InputObject), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyTypeObject* Input::make_type() {
  return gateway::make_type(spec);
}

Ref Input::make(PyTypeObject* type) {
  Ref object = Ref::owned(PyType_GenericAlloc(type, 0));
  if (object) reinterpret_cast<InputObject*>(object.get())->body = new RequestBody;
  return object;
}

RequestBody& Input::body(PyObject* input) {
  return *reinterpret_cast<InputObject*>(input)->body;
}

}  // namespace edge::gateway
