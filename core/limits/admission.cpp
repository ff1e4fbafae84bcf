// Counting, refusing, waiting.
#include "core/limits/admission.h"

#include <string>

#include "core/net/pause.h"
#include "core/number_text.h"

namespace edge {

Task<std::optional<Response>> hold_to_limits(Request& request, const Limits& limits) {
  const Limits::Admission admission = limits.admit(request);
  if (admission.refused_with != 0) {
    Response refusal = Response::of_status(request.arena, admission.refused_with);
    if (admission.retry_after > 0) {
      std::string seconds;
      append_number(admission.retry_after, seconds);
      refusal.headers.set(HeaderName::retry_after, request.arena.copy(seconds));
    }
    co_return refusal;
  }
  if (admission.wait.count() == 0) co_return std::nullopt;
  Pause pause(request.loop, request.cancellation, admission.wait);
  const bool stays = co_await pause;
  if (stays) co_return std::nullopt;
  co_return Response::of_error(request.arena,
                               {ErrorKind::closed, Side::client, false, "the client closed the connection"});
}

}  // namespace edge
