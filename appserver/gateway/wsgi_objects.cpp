// The process's one set.
#include "appserver/gateway/wsgi_objects.h"

#include <memory>

#include "appserver/gateway/disconnected.h"
#include "appserver/gateway/input.h"

namespace edge::gateway {
namespace {

// Never destroyed: what it holds may not be let go of after the interpreter's end.
WsgiObjects* objects = nullptr;

Ref as_object(PyTypeObject* type) {
  return Ref::owned(reinterpret_cast<PyObject*>(type));
}

}  // namespace

bool prepare_wsgi(bool multithread, bool multiprocess) {
  if (objects != nullptr) return true;
  auto made = std::make_unique<WsgiObjects>();
  made->input_type = as_object(Input::make_type());
  made->disconnected_type = as_object(Disconnected::make_type());
  if (!made->input_type || !made->disconnected_type || !made->start_response_types.prepare()) return false;
  if (!made->environ.prepare(multithread, multiprocess)) return false;
  objects = made.release();
  return true;
}

WsgiObjects& wsgi_objects() {
  return *objects;
}

}  // namespace edge::gateway
