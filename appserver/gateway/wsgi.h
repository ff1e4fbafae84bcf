// One call of a WSGI application, from its environ to its close() (PEP 3333).
#pragma once

#include "appserver/gateway/answer.h"
#include "appserver/gateway/interrupt.h"
#include "appserver/gateway/log.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

/// Calls `app` and sends what it returns. The answer has its last frame afterwards, whatever the app did; what the app
/// raised is in the log, and no error is set. `thread` is the calling one's; it may be interrupted while the app runs.
/// Needs the interpreter's lock.
void call_wsgi(PyObject* app, PyObject* environ, PyObject* start_response, Answer& answer, LogLines& log,
               Interruptible& thread);

}  // namespace edge::gateway
