// Status line and fields: types, characters, the names that only a server may send, the length.
#include "appserver/gateway/head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/uwsgi/packet.h"

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

bool refuse(const char* why, PyObject* what) {
  PyErr_Format(PyExc_ValueError, why, what);
  return false;
}

/// RFC 9110 5.6.2.
constexpr auto kTokenBytes = [] {
  std::array<bool, 256> is_token{};
  for (char c = '0'; c <= '9'; ++c) is_token[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) is_token[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) is_token[static_cast<unsigned char>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) is_token[static_cast<unsigned char>(c)] = true;
  return is_token;
}();

bool is_token(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return kTokenBytes[static_cast<unsigned char>(c)]; });
}

bool is_clean(std::string_view value) {
  return std::ranges::none_of(value, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool same_name(std::string_view name, std::string_view lower_case) {
  return std::ranges::equal(name, lower_case, {}, lower);
}

/// PEP 3333: hop-by-hop fields are the server's own.
bool is_hop_by_hop(std::string_view name) {
  constexpr std::string_view kNames[] = {"te",
                                         "upgrade",
                                         "trailer",
                                         "trailers",
                                         "connection",
                                         "keep-alive",
                                         "transfer-encoding",
                                         "proxy-authenticate",
                                         "proxy-authorization"};
  return std::ranges::any_of(kNames, [name](std::string_view one) { return same_name(name, one); });
}

bool encode_status(PyObject* status, uwsgi::BlockWriter& to, Head& head) {
  Latin1 text;
  if (!text.read(status, "the status")) return false;
  const std::string_view line = text.view();
  const bool shaped = line.size() >= 4 && line[3] == ' ' &&
                      std::ranges::all_of(line.substr(0, 3), [](char c) { return c >= '0' && c <= '9'; });
  if (!shaped) return refuse("the status must be like '200 OK', not %R", status);
  if (!is_clean(line)) return refuse("the status holds control characters: %R", status);
  head.status = static_cast<std::uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  if (head.status < 200) return refuse("a WSGI application cannot send an interim status: %R", status);
  to.add({}, line.substr(4));
  return true;
}

bool note_length(std::string_view value, PyObject* shown, Head& head) {
  std::uint64_t length = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (problem != std::errc{} || end != value.data() + value.size()) {
    return refuse("Content-Length must be a number of bytes, not %R", shown);
  }
  if (head.content_length && *head.content_length != length) {
    return refuse("Content-Length is given twice, the second time as %R", shown);
  }
  head.content_length = length;
  return true;
}

/// The edge sends that file, and the app's own body, for which Flask then announces the file's length, does not count.
bool names_a_file(std::string_view name) {
  return same_name(name, "x-accel-redirect") || same_name(name, "x-sendfile");
}

bool encode_field(PyObject* field, uwsgi::BlockWriter& to, Head& head, bool& redirected) {
  if (PyTuple_Check(field) == 0 || PyTuple_Size(field) != 2) {
    PyErr_Format(PyExc_TypeError, "a header must be a tuple (name, value), not %R", field);
    return false;
  }
  Latin1 name;
  Latin1 value;
  PyObject* const name_object = PyTuple_GetItem(field, 0);
  PyObject* const value_object = PyTuple_GetItem(field, 1);
  if (!name.read(name_object, "a header's name") || !value.read(value_object, "a header's value")) return false;
  if (!is_token(name.view())) return refuse("not a header name: %R", name_object);
  if (!is_clean(value.view())) return refuse("a header holds control characters: %R", field);
  if (is_hop_by_hop(name.view())) return refuse("%R is the server's to send, not the application's", name_object);
  if (same_name(name.view(), "content-length")) {
    const bool again = head.content_length.has_value();
    if (!note_length(value.view(), value_object, head)) return false;
    if (again) return true;  // the same once more
  }
  if (names_a_file(name.view())) redirected = true;
  to.add(name.view(), value.view());
  return true;
}

}  // namespace

bool encode_head(PyObject* status, PyObject* headers, std::span<char> to, Head& head) {
  uwsgi::BlockWriter writer(to.data(), to.size());
  if (!encode_status(status, writer, head)) return false;
  if (PyList_Check(headers) == 0) {
    PyErr_Format(PyExc_TypeError, "the headers must be a list of tuples, not %R",
                 reinterpret_cast<PyObject*>(Py_TYPE(headers)));
    return false;
  }
  bool redirected = false;
  for (Py_ssize_t i = 0; i < PyList_Size(headers); ++i) {
    const Ref field = Ref::borrowed(PyList_GetItem(headers, i));
    if (!encode_field(field.get(), writer, head, redirected)) return false;
  }
  if (writer.overflowed()) {
    PyErr_Format(PyExc_ValueError, "the answer's head is larger than %zd bytes", static_cast<Py_ssize_t>(to.size()));
    return false;
  }
  if (redirected) head.content_length.reset();
  head.size = static_cast<std::uint32_t>(writer.size());
  return true;
}

}  // namespace edge::gateway
