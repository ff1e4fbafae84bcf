// asgi.py out of the object's read-only data, and functions that only hand on.
#include "appserver/gateway/asgi_module.h"

#include "appserver/gateway/process.h"

extern "C" {
extern const char edge_asgi_begin[];
}

namespace edge::gateway {
namespace {

AsgiWorker* current = nullptr;
PyObject* source_module = nullptr;  // owned, as long as the process

/// Every one of them is called by the event loop, which a process that the app forked has no business in.
bool is_served() {
  leave_if_stray();
  if (current == nullptr) PyErr_SetString(PyExc_RuntimeError, "the worker has ended");
  return current != nullptr;
}

/// The channel of that index, which asgi.py has from us.
bool channel_of(PyObject* index, std::size_t& channel) {
  if (!is_served()) return false;
  channel = PyLong_AsSize_t(index);
  if (PyErr_Occurred() != nullptr) return false;
  if (channel < current->channels()) return true;
  PyErr_SetString(PyExc_IndexError, "there is no such channel");
  return false;
}

PyObject* read_mailbox(PyObject*, PyObject* begin) {
  return is_served() ? PyLong_FromLong(static_cast<long>(current->read_mailbox(begin))) : nullptr;
}

PyObject* read_notices(PyObject*, PyObject* arguments) {
  PyObject* index = nullptr;
  PyObject* to = nullptr;
  std::size_t channel = 0;
  const bool is_fit = PyArg_ParseTuple(arguments, "OO!:read_notices", &index, &PyList_Type, &to) != 0;
  return is_fit && channel_of(index, channel) ? current->read_notices(channel, to).release() : nullptr;
}

PyObject* flush(PyObject*, PyObject*) {
  return is_served() ? PyBool_FromLong(current->flush() ? 1 : 0) : nullptr;
}

/// Here and not in Python, where a handler of the app could raise between two of our own lines. The edge decides when a
/// worker ends.
PyObject* keep_running(PyObject*, PyObject* arguments) {
  PyObject* run = nullptr;
  PyObject* task = nullptr;
  if (PyArg_ParseTuple(arguments, "OO:keep_running", &run, &task) == 0) return nullptr;
  LogLines log;
  for (;;) {
    const Ref result = Ref::owned(PyObject_CallFunctionObjArgs(run, task, nullptr));
    if (result) return Ref::borrowed(Py_None).release();
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* trace = nullptr;
    PyErr_Fetch(&type, &value, &trace);
    const Ref done = Ref::owned(PyObject_CallMethod(task, "done", nullptr));
    if (!done) return nullptr;
    PyErr_Restore(type, value, trace);
    if (done.get() == Py_True) break;
    log_exception(log, "a signal handler or a task of the app raised");
  }
  PyErr_Clear();  // it is the task's, which tells it again
  Py_RETURN_NONE;
}

PyObject* ready(PyObject*, PyObject*) {
  if (!is_served()) return nullptr;
  current->worker().thread_is_ready();
  Py_RETURN_NONE;
}

PyObject* fail(PyObject*, PyObject* text) {
  const Ref bytes = Ref::owned(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
  if (!bytes || !is_served()) return nullptr;
  current->worker().fail(bytes_of(bytes.get()));
}

PyObject* write_log(PyObject*, PyObject* text) {
  const Ref bytes = Ref::owned(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
  if (!bytes) return nullptr;
  send_log({}, bytes_of(bytes.get()));
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"read_mailbox", read_mailbox, METH_O,
     "Calls begin(scope, body, exchange) for requests: 0 there are none left, 1 there may be more, 2 none will come."},
    {"read_notices", read_notices, METH_VARARGS,
     "Adds lists [sequence, kind, value] to a list; False: the channel was closed."},
    {"flush", flush, METH_NOARGS, "Sends what waits on the channels; True when nothing waits any more."},
    {"keep_running", keep_running, METH_VARARGS, "Calls run(task) until the task is done, whatever the app raises."},
    {"ready", ready, METH_NOARGS, "The worker takes requests."},
    {"fail", fail, METH_O, "The worker cannot serve: tells the edge why, and ends the process."},
    {"log", write_log, METH_O, "Text for the edge's log."},
    {nullptr, nullptr, 0, nullptr},
};

Ref descriptors_of(const std::vector<Descriptor>& channels) {
  Ref list = Ref::owned(PyList_New(0));
  for (const Descriptor& channel : channels) {
    const Ref number = Ref::owned(PyLong_FromLong(channel.get()));
    if (!list || !number || PyList_Append(list.get(), number.get()) != 0) return {};
  }
  return list;
}

}  // namespace

bool prepare_asgi() {
  if (source_module != nullptr) return true;
  const Ref code = Ref::owned(Py_CompileString(edge_asgi_begin, "<edge asgi.py>", Py_file_input));
  source_module = code ? PyImport_ExecCodeModule("edge_gateway_asgi", code.get()) : nullptr;
  return source_module != nullptr;
}

PyObject* asgi_source_module() {
  return source_module;
}

Ref make_edge_module(AsgiWorker& worker, const ThreadChannels& channels, PyObject* call) {
  Ref module = Ref::owned(PyModule_New("edge"));
  const Ref mailbox = Ref::owned(PyLong_FromLong(channels.mailbox.get()));
  const Ref room = Ref::owned(PyLong_FromLong(worker.room()));
  const Ref answers = descriptors_of(channels.answers);
  const bool made = module && mailbox && room && answers && PyModule_AddFunctions(module.get(), functions) == 0 &&
                    PyObject_SetAttrString(module.get(), "mailbox", mailbox.get()) == 0 &&
                    PyObject_SetAttrString(module.get(), "room", room.get()) == 0 &&
                    PyObject_SetAttrString(module.get(), "channels", answers.get()) == 0 &&
                    PyObject_SetAttrString(module.get(), "Call", call) == 0;
  if (!made) return {};
  current = &worker;
  return module;
}

void release_edge_module() {
  current = nullptr;
}

}  // namespace edge::gateway
