// Handler: returns an answer, and never sends it. One object a route and loop, so it needs no lock of its own.
#pragma once

#include <optional>
#include <string_view>

#include "core/http/request.h"
#include "core/http/response.h"
#include "core/task.h"

namespace edge {

class Handler {
 public:
  virtual ~Handler() = default;
  /// `request` outlives the task. Must end soon after request.cancellation is requested.
  virtual Task<Response> handle(Request& request) = 0;

  /// Whether its answers may be tunnels: else requests that take nothing but one get 501 in its place.
  virtual bool opens_tunnels() const { return false; }

  /// Whether its answers are files of a folder, so that an app may have one sent (core/http/internal_redirect.h).
  /// Content codings are its own business then: the pump compresses none of them.
  virtual bool serves_files() const { return false; }
  /// The request's path under which it looks for the file of the machine at `file` (absolute, normalised); nothing when
  /// it has no file there. A view into the arena or into `file`.
  virtual std::optional<std::string_view> path_of_file(std::string_view /*file*/, Arena& /*arena*/) const {
    return std::nullopt;
  }
};

}  // namespace edge
