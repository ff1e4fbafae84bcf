// Two callable types that point at the answer of the request at hand.
#include "appserver/gateway/start_response.h"

namespace edge::gateway {
namespace {

struct WriteObject {
  PyObject_HEAD Answer* answer;  // null between requests
};

struct StartObject {
  PyObject_HEAD Answer* answer;  // null between requests
  PyObject* write;               // owned
};

StartObject* as_start(PyObject* self) {
  return reinterpret_cast<StartObject*>(self);
}
WriteObject* as_write(PyObject* self) {
  return reinterpret_cast<WriteObject*>(self);
}

PyObject* write_body(PyObject* self, PyObject* arguments, PyObject*) {
  Answer* answer = as_write(self)->answer;
  PyObject* piece = nullptr;
  if (PyArg_ParseTuple(arguments, "O:write", &piece) == 0) return nullptr;
  if (answer == nullptr) {
    PyErr_SetString(PyExc_ValueError, "write() was called after its request had ended");
    return nullptr;
  }
  if (PyBytes_Check(piece) == 0) {
    PyErr_Format(PyExc_TypeError, "write() takes bytes, not %R", reinterpret_cast<PyObject*>(Py_TYPE(piece)));
    return nullptr;
  }
  const std::string_view bytes = bytes_of(piece);
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  const bool sent = answer->send({&part, 1}, false);
  if (PyErr_Occurred() != nullptr) return nullptr;
  if (!sent && !answer->is_wanted()) {
    PyErr_SetString(PyExc_ConnectionAbortedError, "the client has gone");
    return nullptr;
  }
  Py_RETURN_NONE;
}

/// Sets the exception of `exc_info`, a tuple as sys.exc_info() gives it.
void raise_again(PyObject* exc_info) {
  PyErr_Restore(Ref::borrowed(PyTuple_GetItem(exc_info, 0)).release(),
                Ref::borrowed(PyTuple_GetItem(exc_info, 1)).release(),
                Ref::borrowed(PyTuple_GetItem(exc_info, 2)).release());
}

bool check_exc_info(PyObject* exc_info) {
  const bool right = PyTuple_Check(exc_info) != 0 && PyTuple_Size(exc_info) == 3 &&
                     PyExceptionClass_Check(PyTuple_GetItem(exc_info, 0)) != 0;
  if (!right) PyErr_Format(PyExc_TypeError, "exc_info must be what sys.exc_info() returns, not %R", exc_info);
  return right;
}

PyObject* start(PyObject* self, PyObject* arguments, PyObject* names) {
  static char status_name[] = "status";
  static char headers_name[] = "response_headers";
  static char exc_info_name[] = "exc_info";
  static char* keywords[] = {status_name, headers_name, exc_info_name, nullptr};
  PyObject* status = nullptr;
  PyObject* headers = nullptr;
  PyObject* exc_info = Py_None;
  if (PyArg_ParseTupleAndKeywords(arguments, names, "OO|O:start_response", keywords, &status, &headers, &exc_info) ==
      0) {
    return nullptr;
  }
  Answer* answer = as_start(self)->answer;
  if (answer == nullptr) {
    PyErr_SetString(PyExc_ValueError, "start_response was called after its request had ended");
    return nullptr;
  }
  if (exc_info != Py_None) {
    if (!check_exc_info(exc_info)) return nullptr;
    if (answer->head_sent()) {
      raise_again(exc_info);
      return nullptr;
    }
  } else if (answer->has_head()) {
    PyErr_SetString(PyExc_AssertionError, "start_response was called twice, the second time without exc_info");
    return nullptr;
  }
  if (!answer->set_head(status, headers)) return nullptr;
  return Ref::borrowed(as_start(self)->write).release();
}

void release_start(PyObject* self) {
  Py_XDECREF(as_start(self)->write);
  free_object(self);
}

PyType_Slot start_slots[] = {
    {Py_tp_doc, const_cast<char*>("start_response(status, response_headers, exc_info=None) -> write")},
    {Py_tp_call, reinterpret_cast<void*>(start)},
    {Py_tp_dealloc, reinterpret_cast<void*>(release_start)},
    {0, nullptr},
};

PyType_Slot write_slots[] = {
    {Py_tp_doc, const_cast<char*>("write(bytes): sends a piece of the body at once.")},
    {Py_tp_call, reinterpret_cast<void*>(write_body)},
    {Py_tp_dealloc, reinterpret_cast<void*>(free_object)},
    {0, nullptr},
};

PyType_Spec start_spec{"edge_gateway.StartResponse", sizeof(StartObject), 0, Py_TPFLAGS_DEFAULT, start_slots};
PyType_Spec write_spec{"edge_gateway.Write", sizeof(WriteObject), 0, Py_TPFLAGS_DEFAULT, write_slots};

Ref make_object(const Ref& type) {
  return Ref::owned(PyType_GenericAlloc(reinterpret_cast<PyTypeObject*>(type.get()), 0));
}

}  // namespace

bool StartResponse::Types::prepare() {
  start = Ref::owned(reinterpret_cast<PyObject*>(make_type(start_spec)));
  write = Ref::owned(reinterpret_cast<PyObject*>(make_type(write_spec)));
  return start && write;
}

PyObject* StartResponse::open(Answer& answer) {
  if (!start_) {
    write_ = make_object(types_.write);
    start_ = make_object(types_.start);
    if (!write_ || !start_) {
      start_.reset();
      return nullptr;
    }
    as_start(start_.get())->write = Ref::borrowed(write_.get()).release();
  }
  as_start(start_.get())->answer = &answer;
  as_write(write_.get())->answer = &answer;
  return start_.get();
}

void StartResponse::close() {
  if (!start_) return;
  as_start(start_.get())->answer = nullptr;
  as_write(write_.get())->answer = nullptr;
  constexpr Py_ssize_t kOurs = 1;
  constexpr Py_ssize_t kOursAndStarts = 2;
  if (Py_REFCNT(start_.get()) == kOurs && Py_REFCNT(write_.get()) == kOursAndStarts) return;
  start_.reset();
  write_.reset();
}

}  // namespace edge::gateway
