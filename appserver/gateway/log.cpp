// kLog messages, and the traceback module for exceptions.
#include "appserver/gateway/log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "appserver/gateway/process.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {
namespace {

using namespace std::chrono_literals;

// An app that logs must not stand still because the edge's main loop does: it waits once, and then loses lines.
constexpr auto kPatience = 1000ms;
constexpr std::size_t kLongestLine = 8 * 1024;  // a longer one crosses in parts
constexpr std::size_t kLongestId = 256;

std::size_t lost_messages = 0;  // guarded by the interpreter's lock

bool send_one(std::string_view id, std::string_view text) {
  std::array<char, wire::kMaxControl - sizeof(wire::ControlHeader)> bytes;
  char* at = std::copy(id.begin(), id.end(), bytes.data());
  *at++ = '\0';
  at = std::copy(text.begin(), text.end(), at);
  const wire::ControlHeader header{.kind = wire::ControlKind::kLog, .worker = process().worker, .pid = process().pid};
  return process().control.send(header, {bytes.data(), at}, lost_messages == 0 ? kPatience : 0ms);
}

void say_what_was_lost() {
  if (lost_messages == 0) return;
  const std::string text = std::to_string(lost_messages) + " log messages were lost: nobody read them in time\n";
  if (send_one({}, text)) lost_messages = 0;
}

Ref exception_text(PyObject* type, PyObject* value, PyObject* trace) {
  const Ref module = Ref::owned(PyImport_ImportModule("traceback"));
  if (!module) return {};
  const Ref lines =
      Ref::owned(PyObject_CallMethod(module.get(), "format_exception", "OOO", type, value != nullptr ? value : Py_None,
                                     trace != nullptr ? trace : Py_None));
  if (!lines) return {};
  const Ref nothing = native_string({});
  const Ref text = Ref::owned(PyUnicode_Join(nothing.get(), lines.get()));
  if (!text) return {};
  return Ref::owned(PyUnicode_AsEncodedString(text.get(), "utf-8", "backslashreplace"));
}

std::string name_of(PyObject* type) {
  const Ref name = Ref::owned(type != nullptr ? PyObject_GetAttrString(type, "__name__") : nullptr);
  const char* bytes = name ? PyUnicode_AsUTF8AndSize(name.get(), nullptr) : nullptr;
  PyErr_Clear();
  return bytes != nullptr ? bytes : "an exception";
}

}  // namespace

void send_log(std::string_view request_id, std::string_view text) {
  if (process().control.descriptor() < 0) return;
  request_id = request_id.substr(0, kLongestId);
  const std::size_t room = wire::kMaxControl - sizeof(wire::ControlHeader) - request_id.size() - 1;
  say_what_was_lost();
  while (!text.empty()) {
    std::size_t take = std::min(room, text.size());
    if (take < text.size()) {
      const std::size_t line_end = text.substr(0, take).rfind('\n');
      if (line_end != std::string_view::npos) take = line_end + 1;
    }
    if (!send_one(request_id, text.substr(0, take))) ++lost_messages;
    text.remove_prefix(take);
  }
}

void LogLines::write(std::string_view text) {
  const std::size_t line_end = text.rfind('\n');
  if (line_end != std::string_view::npos) {
    // Moved out first: sending may release the interpreter's lock to another writer.
    std::string whole = std::exchange(pending_, {});
    whole.append(text.substr(0, line_end + 1));
    text.remove_prefix(line_end + 1);
    send_log(request_id_, whole);
  }
  pending_.append(text);
  if (pending_.size() > kLongestLine) flush();
}

void LogLines::flush() {
  if (pending_.empty()) return;
  const std::string part = std::exchange(pending_, {});
  send_log(request_id_, part);
}

void log_exception(LogLines& to, std::string_view what) {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  to.flush();
  std::string text(what);
  text.push_back('\n');
  const Ref formatted = exception_text(type, value, trace);
  PyErr_Clear();
  if (formatted) {
    text.append(bytes_of(formatted.get()));
  } else {
    text.append(name_of(type)).append(" (its traceback could not be formatted)\n");
  }
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(trace);
  to.write(text);
}

}  // namespace edge::gateway
