// The status line and fields of PEP 3333, which are native strings.
#include "appserver/gateway/head.h"

#include <algorithm>

#include "appserver/gateway/head_field.h"

namespace edge::gateway {
namespace {

/// The characters of a str: its own bytes when it is ASCII, else a Latin-1 copy.
class Latin1 {
 public:
  /// false with an error set: `text` is no str, or beyond Latin-1.
  bool read(PyObject* text, const char* what) {
    if (PyUnicode_Check(text) == 0) {
      PyErr_Format(PyExc_TypeError, "%s must be str, not %R", what, text);
      return false;
    }
    Py_ssize_t size = 0;
    const char* utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (utf8 != nullptr && size == PyUnicode_GetLength(text)) {
      view_ = {utf8, static_cast<std::size_t>(size)};
      return true;
    }
    PyErr_Clear();
    copy_ = Ref::owned(PyUnicode_AsLatin1String(text));
    if (copy_) {
      view_ = bytes_of(copy_.get());
      return true;
    }
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError, "%s holds characters beyond Latin-1: %R", what, text);
    return false;
  }
  std::string_view view() const { return view_; }

 private:
  Ref copy_;
  std::string_view view_;
};

bool encode_status(PyObject* status, HeadWriter& to, Head& head) {
  Latin1 text;
  if (!text.read(status, "the status")) return false;
  const std::string_view line = text.view();
  const bool shaped = line.size() >= 4 && line[3] == ' ' &&
                      std::ranges::all_of(line.substr(0, 3), [](char c) { return c >= '0' && c <= '9'; });
  if (!shaped) return refuse("the status must be like '200 OK', not %R", status);
  if (!is_clean(line)) return refuse("the status holds control characters: %R", status);
  head.status = static_cast<std::uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  if (head.status < 200) return refuse("a WSGI application cannot send an interim status: %R", status);
  to.add_reason(line.substr(4));
  return true;
}

bool encode_field(PyObject* field, HeadWriter& to) {
  if (PyTuple_Check(field) == 0 || PyTuple_Size(field) != 2) {
    PyErr_Format(PyExc_TypeError, "a header must be a tuple (name, value), not %R", field);
    return false;
  }
  Latin1 name;
  Latin1 value;
  PyObject* const name_object = PyTuple_GetItem(field, 0);
  PyObject* const value_object = PyTuple_GetItem(field, 1);
  if (!name.read(name_object, "a header's name") || !value.read(value_object, "a header's value")) return false;
  if (is_hop_by_hop(name.view())) return refuse("%R is the server's to send, not the application's", name_object);
  return to.add({name.view(), value.view(), name_object, value_object, field});
}

}  // namespace

bool encode_head(PyObject* status, PyObject* headers, std::span<char> to, Head& head) {
  HeadWriter writer(to);
  if (!encode_status(status, writer, head)) return false;
  if (PyList_Check(headers) == 0) {
    PyErr_Format(PyExc_TypeError, "the headers must be a list of tuples, not %R",
                 reinterpret_cast<PyObject*>(Py_TYPE(headers)));
    return false;
  }
  for (Py_ssize_t i = 0; i < PyList_Size(headers); ++i) {
    const Ref field = Ref::borrowed(PyList_GetItem(headers, i));
    if (!encode_field(field.get(), writer)) return false;
  }
  return writer.finish(head);
}

}  // namespace edge::gateway
