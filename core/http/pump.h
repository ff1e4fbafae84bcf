// The pump: one request from its parsed head to the line in the access log. What happens to a request is the order
// of the calls in serve().
#pragma once

#include "core/http/request.h"
#include "core/http/response_writer.h"
#include "core/http/router.h"
#include "core/task.h"

namespace edge {

/// Serves `request` by `router` and sends the answer through `writer`. Everything must outlive the task.
Task<void> serve(Request& request, const Router& router, ResponseWriter& writer);

/// Answers a request that could not be parsed or not be read: `error` becomes a page, and a line in the access log.
Task<void> refuse(Request& request, const Router& router, ResponseWriter& writer, Error error);

}  // namespace edge
