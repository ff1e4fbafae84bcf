// write, writelines and flush of PEP 3333's error stream.
#include "appserver/gateway/errors_stream.h"

namespace edge::gateway {
namespace {

thread_local LogLines* request_lines = nullptr;

LogLines& lines() {
  static LogLines outside_of_requests;
  return request_lines != nullptr ? *request_lines : outside_of_requests;
}

bool write_text(PyObject* text) {
  if (!PyUnicode_Check(text)) {
    PyErr_Format(PyExc_TypeError, "wsgi.errors takes str, not %R", reinterpret_cast<PyObject*>(Py_TYPE(text)));
    return false;
  }
  const Ref bytes = Ref::owned(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
  if (!bytes) return false;
  lines().write(bytes_of(bytes.get()));
  return true;
}

PyObject* write(PyObject*, PyObject* text) {
  if (!write_text(text)) return nullptr;
  return PyLong_FromSsize_t(PyUnicode_GetLength(text));
}

PyObject* write_lines(PyObject*, PyObject* texts) {
  const Ref iterator = Ref::owned(PyObject_GetIter(texts));
  if (!iterator) return nullptr;
  while (const Ref text = Ref::owned(PyIter_Next(iterator.get()))) {
    if (!write_text(text.get())) return nullptr;
  }
  if (PyErr_Occurred() != nullptr) return nullptr;
  Py_RETURN_NONE;
}

PyObject* flush(PyObject*, PyObject*) {
  lines().flush();
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"write", write, METH_O, "Writes text to the error log."},
    {"writelines", write_lines, METH_O, "Writes each text of an iterable."},
    {"flush", flush, METH_NOARGS, "Sends a begun line."},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("wsgi.errors: the edge's error log.")},
    {Py_tp_methods, methods},
    {Py_tp_dealloc, reinterpret_cast<void*>(free_object)},
    {0, nullptr},
};

PyType_Spec spec{"edge_gateway.Errors", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

Ref make_errors_stream() {
  const Ref type = Ref::owned(reinterpret_cast<PyObject*>(make_type(spec)));
  if (!type) return {};
  return Ref::owned(PyType_GenericAlloc(reinterpret_cast<PyTypeObject*>(type.get()), 0));
}

void set_request_lines(LogLines* of_request) {
  request_lines = of_request;
}

}  // namespace edge::gateway
