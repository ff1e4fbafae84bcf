// CPython's limited API and the two owners around it: a reference, and the released lock. The one include of Python.h.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string_view>
#include <utility>

#if Py_LIMITED_API + 0 < 0x030a0000
// Exported by every CPython since 3.3 with this signature; the headers of the limited API name it from 3.10 on. It is
// the one way to a str's bytes without a copy.
extern "C" PyAPI_FUNC(const char*) PyUnicode_AsUTF8AndSize(PyObject* text, Py_ssize_t* size);
#endif

namespace edge::gateway {

/// A reference that is owned, or nothing. Everything about it needs the interpreter's lock.
class Ref {
 public:
  Ref() = default;
  /// Takes over a new reference, as most of the API returns them; null (an error is set) makes an empty Ref.
  static Ref owned(PyObject* object) { return Ref(object); }
  /// Adds a reference to what somebody else keeps.
  static Ref borrowed(PyObject* object) {
    Py_XINCREF(object);
    return Ref(object);
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  void reset() { Py_XDECREF(std::exchange(object_, nullptr)); }

 private:
  explicit Ref(PyObject* object) : object_(object) {}
  PyObject* object_ = nullptr;
};

/// The interpreter's lock is released while one lives. No Python object may be touched meanwhile.
class WithoutLock {
 public:
  WithoutLock() : state_(PyEval_SaveThread()) {}
  ~WithoutLock() { PyEval_RestoreThread(state_); }
  WithoutLock(const WithoutLock&) = delete;
  WithoutLock& operator=(const WithoutLock&) = delete;

 private:
  PyThreadState* state_;
};

/// The bytes of a bytes object, as long as it lives.
inline std::string_view bytes_of(PyObject* bytes) {
  char* data = nullptr;
  Py_ssize_t size = 0;
  PyBytes_AsStringAndSize(bytes, &data, &size);
  return {data, static_cast<std::size_t>(size)};
}

/// A native string of PEP 3333: each byte is one character.
inline Ref native_string(std::string_view bytes) {
  return Ref::owned(PyUnicode_DecodeLatin1(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), nullptr));
}

inline Ref bytes_object(std::string_view bytes) {
  return Ref::owned(PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
}

/// Makes a type without a constructor of its own for Python code. Null with an error set.
PyTypeObject* make_type(PyType_Spec& spec);

/// For tp_dealloc of a type that make_type made: frees the object and what it holds of its type.
void free_object(PyObject* object);

}  // namespace edge::gateway
