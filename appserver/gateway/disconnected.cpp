// One comparison with what the edge has written to the thread's slot.
#include "appserver/gateway/disconnected.h"

#include <atomic>

namespace edge::gateway {
namespace {

struct DisconnectedObject {
  PyObject_HEAD const wire::SharedSlot* slot;  // null: the request is over, or there was none
  std::uint64_t sequence;
  bool is_disconnected;
};

DisconnectedObject& fields(PyObject* object) {
  return *reinterpret_cast<DisconnectedObject*>(object);
}

bool look(DisconnectedObject& object) {
  if (object.slot != nullptr && !object.is_disconnected) {
    // The edge writes it from another process; it is only ever compared.
    auto& cancelled = const_cast<std::uint64_t&>(object.slot->cancelled);
    object.is_disconnected = std::atomic_ref(cancelled).load(std::memory_order_relaxed) == object.sequence;
  }
  return object.is_disconnected;
}

PyObject* call(PyObject* self, PyObject* arguments, PyObject* names) {
  if (PyTuple_Size(arguments) != 0 || (names != nullptr && PyDict_Size(names) != 0)) {
    PyErr_SetString(PyExc_TypeError, "edge.disconnected takes no arguments");
    return nullptr;
  }
  return PyBool_FromLong(look(fields(self)) ? 1 : 0);
}

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("edge.disconnected: call it; True once the client of this request has left.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(free_object)},
    {Py_tp_call, reinterpret_cast<void*>(call)},
    {0, nullptr},
};

PyType_Spec spec{"edge_gateway.Disconnected", sizeof(DisconnectedObject), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyTypeObject* Disconnected::make_type() {
  return gateway::make_type(spec);
}

Ref Disconnected::make(PyTypeObject* type) {
  return Ref::owned(PyType_GenericAlloc(type, 0));
}

void Disconnected::open(PyObject* object, const wire::SharedSlot& slot, std::uint64_t sequence) {
  fields(object).slot = &slot;
  fields(object).sequence = sequence;
  fields(object).is_disconnected = false;
}

void Disconnected::close(PyObject* object) {
  look(fields(object));
  fields(object).slot = nullptr;
}

}  // namespace edge::gateway
