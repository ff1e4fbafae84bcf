// environ["edge.disconnected"]: a callable that tells an app whether anybody still waits for its answer.
#pragma once

#include <cstdint>

#include "appserver/gateway/python.h"
#include "appserver/wire.h"

namespace edge::gateway {

/// The object of one worker thread, used for one request after the other as long as no app keeps it. Needs the
/// interpreter's lock.
class Disconnected {
 public:
  /// Empty, with an error set, when there is no memory.
  static Ref make(PyTypeObject* type);
  static PyTypeObject* make_type();
  /// From now on it tells of that request; `slot` lives as long as the process.
  static void open(PyObject* object, const wire::SharedSlot& slot, std::uint64_t sequence);
  /// The request is over: the object keeps the answer that it would give now.
  static void close(PyObject* object);
};

}  // namespace edge::gateway
