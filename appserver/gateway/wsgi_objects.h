// What all WSGI requests of a process are made with: made once, in the zygote, so that its workers share the memory.
#pragma once

#include "appserver/gateway/environ.h"
#include "appserver/gateway/python.h"
#include "appserver/gateway/start_response.h"

namespace edge::gateway {

struct WsgiObjects {
  Environ environ;
  Ref input_type;
  Ref disconnected_type;
  StartResponse::Types start_response_types;
};

/// Makes them, where that was not done. false with an error set. Needs the interpreter's lock, as all here.
bool prepare_wsgi(bool multithread, bool multiprocess);

/// After prepare_wsgi(); they live as long as the process.
WsgiObjects& wsgi_objects();

}  // namespace edge::gateway
