// The messages http.response.start, .body and .pathsend.
#include "appserver/gateway/exchange.h"

#include <algorithm>
#include <array>

#include "appserver/gateway/asgi_head.h"
#include "appserver/gateway/plain_file.h"

namespace edge::gateway {
namespace {

constexpr std::size_t kMostBody = 64 * 1024;  // of a frame
constexpr std::size_t kUsualHead = 480;

/// The words of messages; owned, as long as the process.
struct Words {
  PyObject* type;
  PyObject* status;
  PyObject* headers;
  PyObject* body;
  PyObject* more_body;
  PyObject* path;
  PyObject* nothing;
} words;

bool is(PyObject* text, const char* ascii) {
  return PyUnicode_CompareWithASCIIString(text, ascii) == 0;
}

bool misuse(const char* what) {
  PyErr_SetString(PyExc_RuntimeError, what);
  return false;
}

/// Borrowed; null with an error set where the message must have it.
PyObject* required(PyObject* message, PyObject* key) {
  PyObject* const value = PyDict_GetItemWithError(message, key);
  if (value == nullptr && PyErr_Occurred() == nullptr) PyErr_Format(PyExc_ValueError, "a message without %R", key);
  return value;
}

/// The type of a message, a str; null with an error set.
PyObject* type_of(PyObject* message) {
  if (PyDict_Check(message) == 0) {
    PyErr_Format(PyExc_TypeError, "a message must be a dict, not %R", message);
    return nullptr;
  }
  PyObject* const type = required(message, words.type);
  if (type == nullptr || PyUnicode_Check(type) != 0) return type;
  PyErr_Format(PyExc_TypeError, "the type of a message must be str, not %R", type);
  return nullptr;
}

/// bytes, whatever the app has it in.
Ref body_of(PyObject* message) {
  PyObject* const body = PyDict_GetItemWithError(message, words.body);
  if (body == nullptr) return PyErr_Occurred() == nullptr ? Ref::borrowed(words.nothing) : Ref();
  if (PyBytes_Check(body) != 0) return Ref::borrowed(body);
  if (PyObject_TypeCheck(body, &PyByteArray_Type) != 0 || PyObject_TypeCheck(body, &PyMemoryView_Type) != 0) {
    return Ref::owned(PyBytes_FromObject(body));
  }
  PyErr_Format(PyExc_TypeError, "the body must be bytes, not %R", reinterpret_cast<PyObject*>(Py_TYPE(body)));
  return {};
}

/// What an exception group holds, a tuple; null for any other exception. By its looks, because a group may be of the
/// package that brings them to older Pythons.
Ref members_of(PyObject* error) {
  Ref members = Ref::owned(PyObject_GetAttrString(error, "exceptions"));
  PyErr_Clear();
  if (!members || PyTuple_Check(members.get()) == 0 || PyTuple_Size(members.get()) == 0) return {};
  return members;
}

bool is_of_a_lost_client(PyObject* error, int& most);

/// false as well when it is no group.
bool holds_nothing_else(PyObject* error, int& most) {
  const Ref members = members_of(error);
  const Py_ssize_t size = members ? PyTuple_Size(members.get()) : 0;
  Py_ssize_t at = 0;
  while (at < size && is_of_a_lost_client(PyTuple_GetItem(members.get(), at), most)) ++at;
  return size > 0 && at == size;
}

/// Looks at `most` exceptions at most, and takes off how many it did.
bool is_of_a_lost_client(PyObject* error, int& most) {
  Ref at = Ref::borrowed(error);
  while (at && PyExceptionInstance_Check(at.get()) != 0 && most-- > 0) {
    if (PyErr_GivenExceptionMatches(at.get(), PyExc_ConnectionAbortedError) != 0) return true;
    if (holds_nothing_else(at.get(), most)) return true;
    Ref cause = Ref::owned(PyException_GetCause(at.get()));
    at = cause ? std::move(cause) : Ref::owned(PyException_GetContext(at.get()));
  }
  return false;
}

/// What send() raised, as it stands or behind what a framework made of it.
bool comes_from_a_lost_client() {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  int most = 256;
  const bool found = value != nullptr && is_of_a_lost_client(value, most);
  PyErr_Restore(type, value, trace);
  return found;
}

}  // namespace

bool Exchange::prepare() {
  words = {.type = PyUnicode_InternFromString("type"),
           .status = PyUnicode_InternFromString("status"),
           .headers = PyUnicode_InternFromString("headers"),
           .body = PyUnicode_InternFromString("body"),
           .more_body = PyUnicode_InternFromString("more_body"),
           .path = PyUnicode_InternFromString("path"),
           .nothing = PyBytes_FromStringAndSize(nullptr, 0)};
  return PyErr_Occurred() == nullptr;
}

Exchange::Exchange(const wire::RequestHeader& request, FrameQueue& queue)
    : sequence_(request.sequence), request_(request), queue_(queue), answer_(log_, kUsualHead) {
  answer_.open(request_, queue_, cancelled_, false);
}

void Exchange::open(const RequestFacts& facts) {
  request_id_ = facts.request_id;
  log_.set_request(request_id_);
  answer_.open(request_, queue_, cancelled_, facts.is_head);
}

Exchange::Sent Exchange::send(PyObject* message) {
  PyObject* const type = type_of(message);
  if (type == nullptr) return Sent::error;
  if (is(type, "http.response.body")) return send_body(message);
  if (is(type, "http.response.start")) return start(message) ? Sent::done : Sent::error;
  if (is(type, "http.response.pathsend")) return send_path(message) ? Sent::done : Sent::error;
  PyErr_Format(PyExc_RuntimeError, "an application cannot send %R in answer to an HTTP request", type);
  return Sent::error;
}

bool Exchange::check_order(bool begins) {
  if (complete_) return misuse("a message was sent after the answer was complete");
  if (ended_) return misuse("a message was sent after the application had returned");
  if (begins && started_) return misuse("http.response.start was sent twice");
  if (!begins && !started_) return misuse("http.response.start must be sent before the body");
  if (answer_.is_wanted()) return true;
  PyErr_SetString(PyExc_ConnectionAbortedError, "the client has gone");
  return false;
}

bool Exchange::start(PyObject* message) {
  if (!check_order(true)) return false;
  PyObject* const status = required(message, words.status);
  if (status == nullptr) return false;
  PyObject* const headers = PyDict_GetItemWithError(message, words.headers);
  if (headers == nullptr && PyErr_Occurred() != nullptr) return false;
  std::array<char, wire::kMaxAnswerHead> encoded;
  Head head;
  if (!encode_asgi_head(status, headers, encoded, head)) return false;
  answer_.set_head(head, encoded.data());
  started_ = true;
  return true;
}

Exchange::Sent Exchange::send_body(PyObject* message) {
  if (!check_order(false)) return Sent::error;
  if (body_) return Sent::refused;
  PyObject* const more_body = PyDict_GetItemWithError(message, words.more_body);
  const int more = more_body == nullptr ? 0 : PyObject_IsTrue(more_body);
  Ref body = PyErr_Occurred() == nullptr ? body_of(message) : Ref();
  if (!body) return Sent::error;
  body_ = std::move(body);
  offset_ = 0;
  is_last_ = complete_ = more == 0;
  return advance() ? Sent::done : Sent::kept;
}

bool Exchange::advance() {
  if (!body_) return true;
  const std::string_view bytes = bytes_of(body_.get());
  if (bytes.empty() && !is_last_) answer_.send_head();
  while (offset_ < bytes.size() || is_last_) {
    const std::size_t under_way = answer_.transmitted() - taken_;
    const std::size_t room = wire::kAnswerWindow - std::min<std::size_t>(under_way, wire::kAnswerWindow);
    const std::size_t left = bytes.size() - offset_;
    if (left > 0 && (room == 0 || queue_.is_full()) && !answer_.is_finished()) return false;
    iovec piece{const_cast<char*>(bytes.data() + offset_), std::min({left, room, kMostBody})};
    if (answer_.is_finished()) piece.iov_len = left;
    offset_ += piece.iov_len;
    const bool at_end = offset_ == bytes.size();
    answer_.send({&piece, 1}, at_end && is_last_);
    if (at_end) break;
  }
  body_.reset();
  return true;
}

bool Exchange::send_path(PyObject* message) {
  if (!check_order(false)) return false;
  if (answer_.head_sent() || body_) return misuse("http.response.pathsend must be the whole body");
  PyObject* const path = required(message, words.path);
  PlainFile file;
  if (path == nullptr || !open_plain_file(path, file)) return false;
  complete_ = true;
  answer_.send_file(std::move(file.descriptor), {.offset = file.offset, .length = file.size});
  return true;
}

void Exchange::take(std::uint64_t size) {
  taken_ = std::min(taken_ + size, answer_.transmitted());
}

void Exchange::leave() {
  cancelled_ = sequence_;
  dropped_ = dropped_ || body_;
  body_.reset();
  if (ended_) answer_.fail();
}

bool Exchange::check_kept() const {
  if (dropped_) PyErr_SetString(PyExc_ConnectionAbortedError, "the client has gone");
  return !dropped_;
}

bool Exchange::is_over() {
  return (is_whole() && !body_) || !answer_.is_wanted();
}

void Exchange::end(Interruptible& thread, PyObject* cancelled) {
  const bool raised = log_failure(thread, cancelled);
  ended_ = true;
  if (!is_whole() || !answer_.is_wanted()) {
    if (!raised && answer_.is_wanted()) log_.write("the application returned before its answer was complete\n");
    body_.reset();
    answer_.fail();
  }
  log_.flush();
}

/// Clears the error and says whether there was one. What was raised because nobody wants the answer any more is
/// nobody's failure.
bool Exchange::log_failure(Interruptible& thread, PyObject* cancelled) {
  if (PyErr_Occurred() == nullptr) return false;
  std::string_view why;
  if (thread.take_error(why)) {
    log_.write(why);
  } else if (!answer_.is_wanted() && (PyErr_ExceptionMatches(cancelled) != 0 || comes_from_a_lost_client())) {
    PyErr_Clear();
  } else {
    log_exception(log_, "the application raised");
  }
  return true;
}

}  // namespace edge::gateway
