// The coroutine that asyncio runs for a request: it calls the ASGI app, and knows at each moment whether the app's code
// has the event loop.
#pragma once

#include "appserver/gateway/interrupt.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

/// Calls of one worker. An object is made as Call(app, scope, receive, send, exchange, ended): its first step calls app
/// with the three, its last one ends the exchange and calls `ended` with nothing. It raises nothing of the app's, so
/// that neither SystemExit nor KeyboardInterrupt get at the loop. What it does not know itself (cr_frame, cr_await and
/// others, for stacks and debuggers), the app's own coroutine is asked. Needs the interpreter's lock.
class Call {
 public:
  /// Once. `thread` is the main thread's, and lives as long as the process, as does `exchanges`, the
  /// type of exchanges. Null with an error set.
  static PyTypeObject* make_type(Interruptible& thread, PyTypeObject* exchanges);
};

}  // namespace edge::gateway
