// What all of the gateway's types share.
#include "appserver/gateway/python.h"

namespace edge::gateway {

PyTypeObject* make_type(PyType_Spec& spec) {
  return reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
}

void free_object(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  const auto free_memory = reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free));
  free_memory(object);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

}  // namespace edge::gateway
