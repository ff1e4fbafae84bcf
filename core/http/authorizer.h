// Authorizer: lets a request pass to the handler of its route, or answers in its place.
#pragma once

#include <optional>

#include "core/http/request.h"
#include "core/http/response.h"
#include "core/task.h"

namespace edge {

/// One object a loop and a route (or a site, for requests that no route answers), so it needs no lock of its own.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  /// Nothing: the request may pass. Whoever has found out who the client is says so in request.user and auth_type.
  /// `request` outlives the task. Must end soon after request.cancellation is requested.
  virtual Task<std::optional<Response>> authorize(Request& request) = 0;
  /// For who asks nobody, such as an error page: takes off what the client claims in the place of fields that this
  /// would vouch for, but for those that were vouched for.
  virtual void take_off_claims(Request&) const {}
};

}  // namespace edge
