// Whose read() it is, where that stands, and what its descriptor is of.
#include "appserver/gateway/plain_file.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace edge::gateway {
namespace {

/// An object may have every right to lack an attribute, or to refuse an answer because it is closed or has no
/// descriptor. Whatever else it raises is not for us to swallow.
void clear_expected_error() {
  for (PyObject* expected : {PyExc_AttributeError, PyExc_ValueError, PyExc_OSError}) {
    if (PyErr_ExceptionMatches(expected) != 0) return PyErr_Clear();
  }
}

/// The object whose own method, written in C, `file.read` is.
Ref reader_of(PyObject* file) {
  const Ref read = Ref::owned(PyObject_GetAttrString(file, "read"));
  if (!read || PyObject_TypeCheck(read.get(), &PyCFunction_Type) == 0) return {};
  const Ref name = Ref::owned(PyObject_GetAttrString(read.get(), "__name__"));
  if (!name || PyUnicode_CompareWithASCIIString(name.get(), "read") != 0) return {};
  return Ref::owned(PyObject_GetAttrString(read.get(), "__self__"));
}

/// A subclass may read something else than its file, so the very type counts.
bool is_of(PyObject* object, PyObject* module, const char* type) {
  const Ref found = Ref::owned(PyObject_GetAttrString(module, type));
  return reinterpret_cast<PyObject*>(Py_TYPE(object)) == found.get();
}

/// The reader is a raw file, or one with a buffer right above a raw file. Nothing waits in its buffer to be written.
bool reads_a_file(PyObject* reader) {
  const Ref module = Ref::owned(PyImport_ImportModule("_io"));
  if (!module) return false;
  if (is_of(reader, module.get(), "FileIO")) return true;
  const bool writes = is_of(reader, module.get(), "BufferedRandom");
  if (!writes && !is_of(reader, module.get(), "BufferedReader")) return false;
  const Ref raw = Ref::owned(PyObject_GetAttrString(reader, "raw"));
  if (!raw || !is_of(raw.get(), module.get(), "FileIO")) return false;
  return !writes || Ref::owned(PyObject_CallMethod(reader, "flush", nullptr));
}

bool locate(PyObject* reader, PlainFile& found) {
  const Ref position = Ref::owned(PyObject_CallMethod(reader, "tell", nullptr));
  const long long offset = position ? PyLong_AsLongLong(position.get()) : -1;
  if (offset < 0) return false;
  const int descriptor = PyObject_AsFileDescriptor(reader);
  struct stat facts{};
  if (descriptor < 0 || fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) return false;
  found.descriptor = Descriptor(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  found.offset = static_cast<std::uint64_t>(offset);
  found.size = facts.st_size > offset ? static_cast<std::uint64_t>(facts.st_size - offset) : 0;
  return static_cast<bool>(found.descriptor);
}

}  // namespace

bool find_plain_file(PyObject* file, PlainFile& found) {
  const Ref reader = reader_of(file);
  if (reader && reads_a_file(reader.get()) && locate(reader.get(), found)) return true;
  if (PyErr_Occurred() != nullptr) clear_expected_error();
  return false;
}

bool open_plain_file(PyObject* path, PlainFile& found) {
  const Ref encoded = Ref::owned(PyUnicode_Check(path) != 0 ? PyUnicode_EncodeFSDefault(path) : nullptr);
  if (!encoded && PyErr_Occurred() != nullptr) return false;
  if (!encoded || !bytes_of(encoded.get()).starts_with('/') ||
      bytes_of(encoded.get()).find('\0') != std::string_view::npos) {
    PyErr_Format(PyExc_ValueError, "the path must be a str that begins with \"/\", not %R", path);
    return false;
  }
  // A pipe without a writer must not hold the thread.
  found.descriptor = Descriptor(open(PyBytes_AsString(encoded.get()), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts{};
  if (!found.descriptor || fstat(found.descriptor.get(), &facts) != 0) {
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    return false;
  }
  if (!S_ISREG(facts.st_mode)) {
    PyErr_Format(PyExc_ValueError, "%R is not a regular file", path);
    return false;
  }
  found.offset = 0;
  found.size = static_cast<std::uint64_t>(facts.st_size);
  return true;
}

}  // namespace edge::gateway
