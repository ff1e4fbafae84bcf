// wsgi.input: a RequestBody as a Python object with read, readline, readlines and iteration.
#pragma once

#include "appserver/gateway/python.h"
#include "appserver/gateway/request_body.h"

namespace edge::gateway {

/// The object of one worker thread, used for one request after the other as long as no app keeps it. Needs the
/// interpreter's lock.
class Input {
 public:
  /// Empty, with an error set, when there is no memory.
  static Ref make(PyTypeObject* type);
  static PyTypeObject* make_type();
  static RequestBody& body(PyObject* input);
};

}  // namespace edge::gateway
