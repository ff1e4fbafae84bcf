// An Exchange as Python code sees it: the object that asgi.py keeps for each request.
#pragma once

#include "appserver/gateway/exchange.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

/// Needs the interpreter's lock.
class ExchangeObject {
 public:
  /// Once. Null with an error set.
  static PyTypeObject* make_type();
  /// Null with an error set. `queue` outlives it.
  static Ref make(PyTypeObject* type, const wire::RequestHeader& request, FrameQueue& queue);
  static Exchange& exchange(PyObject* object);
};

}  // namespace edge::gateway
