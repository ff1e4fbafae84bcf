// AppHandler: answers a request by a worker of an app.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "appserver/app_call.h"
#include "appserver/app_lane.h"
#include "core/http/handler.h"

namespace edge {

/// One object a route and loop. The lane must outlive it, and the tasks that it returned.
class AppHandler final : public Handler {
 public:
  /// `script_name` is the mount ("/shop") or empty. `cancel_on_disconnect`: an exception is raised in the view when the
  /// client leaves, if the method is a safe one.
  AppHandler(AppLane& lane, std::string script_name, bool cancel_on_disconnect = false);

  Task<Response> handle(Request& request) override;

 private:
  Response answer(Request& request, CallRef call);
  Response answer_with_file(Request& request, Response response, FileRange file,
                            std::optional<std::uint64_t> announced);
  Response refuse(Request& request, const Error& error);

  AppLane& lane_;
  std::string script_name_;
  bool cancel_on_disconnect_;
};

}  // namespace edge
