// wsgi.errors: what the app writes goes to the edge's error log, under the id of the request that the thread serves.
#pragma once

#include "appserver/gateway/log.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

/// The one stream of a worker. Usable from any thread; outside of a request lines have no id.
Ref make_errors_stream();

/// The lines of the request that the calling thread serves, null between requests.
void set_request_lines(LogLines* lines);

}  // namespace edge::gateway
