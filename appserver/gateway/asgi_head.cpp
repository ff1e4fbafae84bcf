// Pairs of bytes, in whatever an app keeps them.
#include "appserver/gateway/asgi_head.h"

#include "appserver/gateway/head_field.h"

namespace edge::gateway {
namespace {

bool encode_status(PyObject* status, HeadWriter& to, Head& head) {
  if (PyLong_Check(status) == 0) {
    PyErr_Format(PyExc_TypeError, "the status must be an int, not %R", status);
    return false;
  }
  int overflow = 0;
  const long number = PyLong_AsLongAndOverflow(status, &overflow);
  if (overflow != 0 || number < 200 || number > 999)
    return refuse("the status must be from 200 to 999, not %R", status);
  head.status = static_cast<std::uint16_t>(number);
  to.add_reason({});
  return true;
}

bool check_bytes(PyObject* object, const char* what) {
  if (PyBytes_Check(object) != 0) return true;
  PyErr_Format(PyExc_TypeError, "%s must be bytes, not %R", what, object);
  return false;
}

bool encode_field(PyObject* field, HeadWriter& to) {
  const Ref pair = PyTuple_Check(field) != 0 ? Ref::borrowed(field) : Ref::owned(PySequence_Tuple(field));
  if (!pair) PyErr_Clear();
  if (!pair || PyTuple_Size(pair.get()) != 2) {
    PyErr_Format(PyExc_TypeError, "a header must be a pair [name, value], not %R", field);
    return false;
  }
  PyObject* const name = PyTuple_GetItem(pair.get(), 0);
  PyObject* const value = PyTuple_GetItem(pair.get(), 1);
  if (!check_bytes(name, "a header's name") || !check_bytes(value, "a header's value")) return false;
  if (is_hop_by_hop(bytes_of(name))) return true;
  return to.add({bytes_of(name), bytes_of(value), name, value, field});
}

}  // namespace

bool encode_asgi_head(PyObject* status, PyObject* headers, std::span<char> to, Head& head) {
  HeadWriter writer(to);
  if (!encode_status(status, writer, head)) return false;
  if (headers == nullptr) return writer.finish(head);
  const Ref fields = Ref::owned(PyObject_GetIter(headers));
  if (!fields) return false;
  while (const Ref field = Ref::owned(PyIter_Next(fields.get()))) {
    if (!encode_field(field.get(), writer)) return false;
  }
  return PyErr_Occurred() == nullptr && writer.finish(head);
}

}  // namespace edge::gateway
