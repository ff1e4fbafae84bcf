// The head of a worker's answer: from the encoding of appserver/wire.h to the fields of a Response.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/response.h"
#include "core/result.h"

namespace edge {

/// Adds reason and fields to `response`, as views into `block`, which must live as long as the response. Fields that
/// belong to one connection (RFC 9110 7.6.1), Date and Server are left out; X-Accel-Redirect, else X-Sendfile, becomes
/// its redirect too. Returns the announced Content-Length. Error (bad_gateway): anything that would not be one clean
/// head on the wire.
Result<std::optional<std::uint64_t>> read_answer_head(std::string_view block, Response& response);

}  // namespace edge
