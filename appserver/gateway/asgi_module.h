// The two Python modules between an AsgiWorker and the app: the carried asgi.py, and what it calls.
#pragma once

#include "appserver/gateway/asgi_worker.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

/// The module that asgi.py is; prepare_asgi() has made it. A borrowed reference.
PyObject* asgi_source_module();

/// The module `edge` that asgi.py is handed: `mailbox` and `channels` are descriptors, `Call` is the coroutine's type,
/// and the functions are those of `worker`, until release_edge_module(). Null with an error set.
Ref make_edge_module(AsgiWorker& worker, const ThreadChannels& channels, PyObject* call);
void release_edge_module();

}  // namespace edge::gateway
