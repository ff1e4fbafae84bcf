// Representation (RFC 9110 3.2): the one form of a file that a request gets, and the answer that it becomes by the
// request's conditions and ranges.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "core/http/request.h"
#include "core/http/response.h"
#include "core/shared_fd.h"

namespace edge {

/// All views must live as long as the answer (Response::keep) or the request.
struct Representation {
  std::variant<std::string_view, SharedFd> content;
  std::uint64_t size = 0;          // of the content, in bytes
  std::int64_t modified = 0;       // seconds since the epoch, not in the future
  std::string_view last_modified;  // the same, as HTTP writes it
  std::string_view type;           // Content-Type
  std::string_view encoding;       // Content-Encoding; empty: identity
  std::string_view entity_tag;     // another one for each encoding of the same file
};

/// To a GET or HEAD: 304 or 412 by the preconditions, then 206 or 416 by Range (GET only, RFC 9110 14.2), else 200.
Response answer_with(Request& request, Representation representation);

}  // namespace edge
