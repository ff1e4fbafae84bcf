// Admission: a request and the limits of its route, as the pump asks them.
#pragma once

#include <optional>

#include "core/http/request.h"
#include "core/http/response.h"
#include "core/limits/limits.h"
#include "core/task.h"

namespace edge {

/// Counts `request`, and waits for its turn where it has to. Nothing: it is let in; else the answer that refuses it.
Task<std::optional<Response>> hold_to_limits(Request& request, const Limits& limits);

}  // namespace edge
