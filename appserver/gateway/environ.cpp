// Copy the base, set what came, take out what did not.
#include "appserver/gateway/environ.h"

#include "appserver/gateway/errors_stream.h"
#include "appserver/gateway/file_wrapper.h"
#include "core/uwsgi/packet.h"

namespace edge::gateway {
namespace {

bool set(PyObject* dict, const char* key, Ref value) {
  return value && PyDict_SetItemString(dict, key, value.get()) == 0;
}

Ref interned(std::string_view name) {
  PyObject* key = native_string(name).release();
  if (key != nullptr) PyUnicode_InternInPlace(&key);
  return Ref::owned(key);
}

Ref truth(bool value) {
  return Ref::borrowed(value ? Py_True : Py_False);
}

}  // namespace

Environ::Environ() : names_(interned) {}

bool Environ::prepare(bool multithread, bool multiprocess) {
  base_ = Ref::owned(PyDict_New());
  input_key_ = Ref::owned(PyUnicode_InternFromString("wsgi.input"));
  disconnected_key_ = Ref::owned(PyUnicode_InternFromString("edge.disconnected"));
  scheme_key_ = Ref::owned(PyUnicode_InternFromString("wsgi.url_scheme"));
  https_ = Ref::owned(PyUnicode_InternFromString("https"));
  if (!base_ || !input_key_ || !disconnected_key_ || !scheme_key_ || !https_ || !names_.prepare()) return false;
  PyObject* base = base_.get();
  bool done = true;
  names_.for_each_always([&](const Name& name) {
    always_ |= name.always;
    done = done && PyDict_SetItem(base, name.key.get(), Py_None) == 0;
  });
  return done && set(base, "wsgi.version", Ref::owned(Py_BuildValue("(ii)", 1, 0))) &&
         set(base, "wsgi.url_scheme", Ref::owned(PyUnicode_InternFromString("http"))) &&
         set(base, "wsgi.multithread", truth(multithread)) && set(base, "wsgi.multiprocess", truth(multiprocess)) &&
         set(base, "wsgi.run_once", truth(false)) && set(base, "wsgi.input_terminated", truth(true)) &&
         set(base, "wsgi.input", Ref::borrowed(Py_None)) && set(base, "edge.disconnected", Ref::borrowed(Py_None)) &&
         set(base, "wsgi.errors", make_errors_stream()) && set(base, "wsgi.file_wrapper", make_file_wrapper_type()) &&
         set(base, "SERVER_SOFTWARE", Ref::owned(PyUnicode_InternFromString("edge")));
}

Environ::Built Environ::build(std::string_view block, const Objects& objects, RequestFacts& facts, Ref& to) {
  Ref environ = Ref::owned(PyDict_Copy(base_.get()));
  if (!environ) return Built::python_error;
  std::uint32_t seen = 0;
  uwsgi::BlockReader reader(block);
  uwsgi::Variable variable;
  for (;;) {
    const auto step = reader.next(variable);
    if (step == uwsgi::BlockReader::Step::end) break;
    if (step == uwsgi::BlockReader::Step::broken) return Built::broken_packet;
    if (!put(environ.get(), variable.name, variable.value, facts, seen)) return Built::python_error;
  }
  if (seen != always_ && !remove_missing(environ.get(), seen)) return Built::python_error;
  if (PyDict_SetItem(environ.get(), input_key_.get(), objects.input) != 0) return Built::python_error;
  if (PyDict_SetItem(environ.get(), disconnected_key_.get(), objects.disconnected) != 0) return Built::python_error;
  to = std::move(environ);
  return Built::ok;
}

bool Environ::put(PyObject* environ, std::string_view name, std::string_view value, RequestFacts& facts,
                  std::uint32_t& seen) {
  Name* known = names_.find(name);
  if (known == nullptr) {
    PyErr_Clear();
    const Ref key = native_string(name);
    const Ref text = native_string(value);
    return key && text && PyDict_SetItem(environ, key.get(), text.get()) == 0;
  }
  seen |= known->always;
  const Ref text = known->value(value);
  if (!text || PyDict_SetItem(environ, known->key.get(), text.get()) != 0) return false;
  return known->meaning == Meaning::none || apply(known->meaning, value, environ, facts);
}

bool Environ::apply(Meaning meaning, std::string_view value, PyObject* environ, RequestFacts& facts) {
  switch (meaning) {
    case Meaning::method:
      facts.is_head = value == "HEAD";
      return true;
    case Meaning::request_id:
      facts.request_id = value;
      return true;
    case Meaning::scheme:
    case Meaning::https:
      if (value != "https" && value != "on") return true;
      return PyDict_SetItem(environ, scheme_key_.get(), https_.get()) == 0;
    default:
      return true;
  }
}

bool Environ::remove_missing(PyObject* environ, std::uint32_t seen) const {
  bool done = true;
  names_.for_each_always([&](const Name& name) {
    if ((seen & name.always) == 0) done = done && PyDict_DelItem(environ, name.key.get()) == 0;
  });
  return done;
}

}  // namespace edge::gateway
