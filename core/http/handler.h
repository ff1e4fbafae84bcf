// Handler: returns an answer, and never sends it. One object a route and loop, so it needs no lock of its own.
#pragma once

#include "core/http/request.h"
#include "core/http/response.h"
#include "core/task.h"

namespace edge {

class Handler {
 public:
  virtual ~Handler() = default;
  /// `request` outlives the task. Must end soon after request.cancellation is requested.
  virtual Task<Response> handle(Request& request) = 0;
};

}  // namespace edge
