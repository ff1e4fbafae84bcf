// The body in each of the shapes that an app may return it in, and every way in which it may fail.
#include "appserver/gateway/wsgi.h"

#include <array>

#include "appserver/gateway/file_wrapper.h"
#include "appserver/gateway/plain_file.h"

namespace edge::gateway {
namespace {

/// Fails with what PEP 3333 says a body's item must be.
bool check_item(PyObject* item) {
  if (PyBytes_Check(item) != 0) return true;
  PyErr_Format(PyExc_TypeError, "the application's body must consist of bytes, not of %R",
               reinterpret_cast<PyObject*>(Py_TYPE(item)));
  return false;
}

bool check_started(const Answer& answer) {
  if (answer.has_head()) return true;
  PyErr_SetString(PyExc_AssertionError, "the application sent a body, or ended, without calling start_response");
  return false;
}

iovec as_part(PyObject* bytes) {
  const std::string_view view = bytes_of(bytes);
  return {const_cast<char*>(view.data()), view.size()};
}

/// A list or tuple: everything is there, so it leaves in as few frames as possible.
class Sequence {
 public:
  explicit Sequence(PyObject* items) : items_(items), is_list_(PyList_CheckExact(items)) {}

  bool send(Answer& answer) {
    Py_ssize_t next = 0;
    bool complete = false;
    while (!complete) {
      // References of our own: other threads may change a list while its bytes are being sent.
      std::array<Ref, kGroup> items;
      std::array<iovec, kGroup> parts;
      std::size_t count = 0;
      for (; count < kGroup && next < size(); ++count, ++next) {
        items[count] = Ref::borrowed(item(next));
        if (!check_item(items[count].get())) return false;
        parts[count] = as_part(items[count].get());
      }
      complete = next >= size();
      if (!check_started(answer) || !answer.send({parts.data(), count}, complete)) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGroup = 60;

  Py_ssize_t size() const { return is_list_ ? PyList_Size(items_) : PyTuple_Size(items_); }
  PyObject* item(Py_ssize_t i) const { return is_list_ ? PyList_GetItem(items_, i) : PyTuple_GetItem(items_, i); }

  PyObject* items_;
  bool is_list_;
};

/// Any other iterable: each piece is sent as it comes.
void send_iterable(PyObject* items, Answer& answer) {
  const Ref iterator = Ref::owned(PyObject_GetIter(items));
  if (!iterator) return;
  while (const Ref piece = Ref::owned(PyIter_Next(iterator.get()))) {
    if (!check_item(piece.get())) return;
    iovec part = as_part(piece.get());
    if (part.iov_len == 0 && answer.is_wanted()) continue;
    if (!check_started(answer) || !answer.send({&part, 1}, false)) return;
  }
  if (PyErr_Occurred() == nullptr && check_started(answer)) answer.finish();
}

/// What wsgi.file_wrapper made, as a file that the edge sends by itself. false: it must be read; or an error is set.
bool send_as_file(PyObject* result, Answer& answer) {
  PyObject* const file = wrapped_file(result);
  if (file == nullptr || !answer.has_head() || answer.head_sent()) return false;
  PlainFile plain;
  if (!find_plain_file(file, plain)) return false;
  answer.send_file(std::move(plain.descriptor), {.offset = plain.offset, .length = plain.size});
  return true;
}

void send_body(PyObject* result, Answer& answer) {
  if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) {
    Sequence(result).send(answer);
  } else if (PyBytes_Check(result) != 0 || PyUnicode_Check(result) != 0) {
    PyErr_Format(PyExc_TypeError, "the application returned %R itself; a body is an iterable of bytes, such as [body]",
                 reinterpret_cast<PyObject*>(Py_TYPE(result)));
  } else if (!send_as_file(result, answer) && PyErr_Occurred() == nullptr) {
    send_iterable(result, answer);
  }
}

bool log_interrupt(LogLines& log, Interruptible& thread) {
  std::string_view why;
  if (!thread.take_error(why)) return false;
  log.write(why);
  return true;
}

/// What was raised because nobody wants the answer any more is nobody's failure.
void log_failure(Answer& answer, LogLines& log, Interruptible& thread, std::string_view what) {
  if (log_interrupt(log, thread)) return;
  if (!answer.is_wanted() && PyErr_ExceptionMatches(PyExc_ConnectionAbortedError) != 0) {
    PyErr_Clear();
    return;
  }
  log_exception(log, what);
}

void close_result(PyObject* result, LogLines& log, Interruptible& thread) {
  if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) return;
  const Ref close = Ref::owned(PyObject_GetAttrString(result, "close"));
  if (!close && PyErr_ExceptionMatches(PyExc_AttributeError) != 0) {
    PyErr_Clear();
    return;
  }
  thread.enter();
  const bool closed = close && Ref::owned(PyObject_CallObject(close.get(), nullptr));
  thread.leave();
  if (!closed && !log_interrupt(log, thread)) log_exception(log, "the application's close() raised");
}

}  // namespace

void call_wsgi(PyObject* app, PyObject* environ, PyObject* start_response, Answer& answer, LogLines& log,
               Interruptible& thread) {
  thread.enter();
  const Ref result = Ref::owned(PyObject_CallFunctionObjArgs(app, environ, start_response, nullptr));
  if (result) send_body(result.get(), answer);
  thread.leave();
  if (PyErr_Occurred() != nullptr) log_failure(answer, log, thread, "the application raised");
  answer.fail();
  if (result) close_result(result.get(), log, thread);
}

}  // namespace edge::gateway
