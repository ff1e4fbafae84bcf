// The Python module edge_gateway: the calls of bootstrap.py, and the exceptions that apps may import.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "appserver/gateway/app_files.h"
#include "appserver/gateway/asgi_worker.h"
#include "appserver/gateway/interrupt.h"
#include "appserver/gateway/process.h"
#include "appserver/gateway/python.h"
#include "appserver/gateway/signals.h"
#include "appserver/gateway/wsgi_objects.h"
#include "appserver/gateway/zygote.h"

namespace edge::gateway {
namespace {

PyObject* attach(PyObject*, PyObject* arguments) {
  int control = -1;
  int parent = 0;
  const char* name = nullptr;
  unsigned generation = 0;
  if (PyArg_ParseTuple(arguments, "iisI:attach", &control, &parent, &name, &generation) == 0) return nullptr;
  if (!die_with_parent(parent)) _exit(0);
  if (fcntl(control, F_SETFD, FD_CLOEXEC) != 0) return PyErr_SetFromErrno(PyExc_OSError);
  process().control = Control(Descriptor(control));
  process().pid = getpid();
  process().name = {name, generation};
  show_as_zygote(process().name);
  quiet_group_signals();
  Py_RETURN_NONE;
}

/// A list of paths; nothing with an error set.
std::optional<std::vector<std::string>> paths_of(PyObject* list) {
  std::vector<std::string> paths;
  for (Py_ssize_t i = 0, size = PyList_Size(list); i < size; ++i) {
    const Ref path = Ref::owned(PyUnicode_EncodeFSDefault(PyList_GetItem(list, i)));
    if (!path) return std::nullopt;
    paths.emplace_back(bytes_of(path.get()));
  }
  if (PyErr_Occurred() != nullptr) return std::nullopt;
  return paths;
}

PyObject* remember(PyObject*, PyObject* arguments) {
  PyObject* folders = nullptr;
  PyObject* left_out = nullptr;
  if (PyArg_ParseTuple(arguments, "OO:remember", &folders, &left_out) == 0) return nullptr;
  std::optional<std::vector<std::string>> beneath = paths_of(folders);
  std::optional<std::vector<std::string>> without = beneath ? paths_of(left_out) : std::nullopt;
  if (!without) return nullptr;
  app_files().remember_folders(std::move(*beneath), std::move(*without));
  Py_RETURN_NONE;
}

PyObject* zygote(PyObject*, PyObject* arguments) {
  WorkerSettings settings;
  PyObject* found = nullptr;
  PyObject* load = nullptr;
  const char* warnings = nullptr;
  Py_ssize_t size = 0;
  if (PyArg_ParseTuple(arguments, "IIOOs#:zygote", &settings.threads, &settings.processes, &found, &load, &warnings,
                       &size) == 0) {
    return nullptr;
  }
  if (settings.threads == 0) {
    PyErr_SetString(PyExc_ValueError, "a worker has one thread at least");
    return nullptr;
  }
  settings.zygote = getpid();
  if (found != Py_None && !settings.take_app(found)) return nullptr;
  settings.load = Ref::borrowed(load);
  const int status = Zygote(std::move(settings)).run({warnings, static_cast<std::size_t>(size)});
  return PyLong_FromLong(status);
}

/// What else a worker begins with (Worker::prepare).
bool import_for_workers() {
  for (const char* const name : {"_signal", "faulthandler", "os"}) {
    if (!Ref::owned(PyImport_ImportModule(name))) return false;
  }
  return true;
}

PyObject* share(PyObject*, PyObject* arguments) {
  int interface = 0;
  unsigned threads = 0;
  unsigned processes = 0;
  if (PyArg_ParseTuple(arguments, "iII:share", &interface, &threads, &processes) == 0) return nullptr;
  const bool prepared = interface == wire::kAsgi ? prepare_asgi() : prepare_wsgi(threads > 1, processes > 1);
  if (!prepared || !import_for_workers()) return nullptr;
  Py_RETURN_NONE;
}

PyObject* tell_static_folders(PyObject*, PyObject* arguments) {
  constexpr std::chrono::seconds kPatience{30};  // an edge that does not read for so long does not supervise any more
  const char* text = nullptr;
  Py_ssize_t size = 0;
  if (PyArg_ParseTuple(arguments, "y#:tell_static_folders", &text, &size) == 0) return nullptr;
  const wire::ControlHeader header{.kind = wire::ControlKind::kStaticFolders, .pid = getpid()};
  process().control.send(header, {text, static_cast<std::size_t>(size)}, kPatience);
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"attach", attach, METH_VARARGS,
     "attach(control, parent, name, generation): takes over the control channel, ties this process's life to its "
     "parent's, and shows the app's name in its title."},
    {"remember", remember, METH_VARARGS,
     "remember(folders, left_out): how the files beneath these folders are now, before the import, to tell later "
     "whether one has changed. Files of the second list are not looked at."},
    {"share", share, METH_VARARGS,
     "share(interface, threads, processes): makes and imports what each of the app's workers needs."},
    {"tell_static_folders", tell_static_folders, METH_VARARGS,
     "tell_static_folders(message): tells the edge which folders of files the app has."},
    {"zygote", zygote, METH_VARARGS,
     "zygote(threads, processes, found, load, warnings): serves the edge. found is (interface, app), or None when each "
     "worker is to call load() for it. Returns the exit status of the process, which may have become a worker "
     "meanwhile."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition{PyModuleDef_HEAD_INIT,
                       "edge_gateway",
                       "edge inside an application's Python.",
                       -1,
                       methods,
                       nullptr,
                       nullptr,
                       nullptr,
                       nullptr};

}  // namespace
}  // namespace edge::gateway

PyMODINIT_FUNC PyInit_edge_gateway();
PyMODINIT_FUNC PyInit_edge_gateway() {
  using edge::gateway::Ref;
  Ref module = Ref::owned(PyModule_Create(&edge::gateway::definition));
  return module && edge::gateway::add_interrupt_types(module.get()) ? module.release() : nullptr;
}
