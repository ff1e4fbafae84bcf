// FileWrapper: read(block_size) until there is nothing more, close() handed on.
#include "appserver/gateway/file_wrapper.h"

namespace edge::gateway {
namespace {

struct FileWrapper {
  PyObject_HEAD PyObject* file;
  Py_ssize_t block_size;
};

/// One in a process, kept by the base of every environ. It has no subclasses.
PyTypeObject* type_of_wrappers = nullptr;

FileWrapper* as_wrapper(PyObject* self) {
  return reinterpret_cast<FileWrapper*>(self);
}

PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject* names) {
  constexpr Py_ssize_t kBlockSize = 64 * 1024;
  static char file_name[] = "filelike";
  static char size_name[] = "block_size";
  static char* keywords[] = {file_name, size_name, nullptr};
  PyObject* file = nullptr;
  Py_ssize_t block_size = kBlockSize;
  if (PyArg_ParseTupleAndKeywords(arguments, names, "O|n:FileWrapper", keywords, &file, &block_size) == 0) {
    return nullptr;
  }
  if (block_size <= 0) {
    PyErr_SetString(PyExc_ValueError, "the block size of wsgi.file_wrapper must be positive");
    return nullptr;
  }
  PyObject* self = PyType_GenericAlloc(type, 0);
  if (self == nullptr) return nullptr;
  as_wrapper(self)->file = Ref::borrowed(file).release();
  as_wrapper(self)->block_size = block_size;
  return self;
}

int visit_references(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(as_wrapper(self)->file);
  Py_VISIT(reinterpret_cast<PyObject*>(Py_TYPE(self)));
  return 0;
}

int clear_references(PyObject* self) {
  Py_CLEAR(as_wrapper(self)->file);
  return 0;
}

void release(PyObject* self) {
  PyObject_GC_UnTrack(self);
  clear_references(self);
  free_object(self);
}

PyObject* next(PyObject* self) {
  PyObject* block = PyObject_CallMethod(as_wrapper(self)->file, "read", "n", as_wrapper(self)->block_size);
  if (block == nullptr) return nullptr;
  const int more = PyObject_IsTrue(block);
  if (more > 0) return block;
  Py_DECREF(block);
  return nullptr;
}

PyObject* close(PyObject* self, PyObject*) {
  if (as_wrapper(self)->file == nullptr) Py_RETURN_NONE;
  const Ref close_file = Ref::owned(PyObject_GetAttrString(as_wrapper(self)->file, "close"));
  if (close_file) return PyObject_CallObject(close_file.get(), nullptr);
  if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return nullptr;
  PyErr_Clear();
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"close", close, METH_NOARGS, "Closes the file, when it can be closed."},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("FileWrapper(filelike, block_size=65536): the file as an iterable of blocks.")},
    {Py_tp_new, reinterpret_cast<void*>(make)},
    {Py_tp_traverse, reinterpret_cast<void*>(visit_references)},
    {Py_tp_clear, reinterpret_cast<void*>(clear_references)},
    {Py_tp_dealloc, reinterpret_cast<void*>(release)},
    {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_tp_iternext, reinterpret_cast<void*>(next)},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec{"edge_gateway.FileWrapper", sizeof(FileWrapper), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

Ref make_file_wrapper_type() {
  type_of_wrappers = make_type(spec);
  return Ref::owned(reinterpret_cast<PyObject*>(type_of_wrappers));
}

PyObject* wrapped_file(PyObject* object) {
  return Py_TYPE(object) == type_of_wrappers ? as_wrapper(object)->file : nullptr;
}

}  // namespace edge::gateway
