// Representation (RFC 9110 3.2): the one form of a file that a request gets, and the answer that it becomes by the
// request's conditions and ranges.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "core/http/request.h"
#include "core/http/response.h"
#include "core/unique_fd.h"

namespace edge {

struct Representation {
  std::variant<std::string_view, UniqueFd> content;  // bytes that live as long as the request, or an open file
  std::uint64_t size = 0;                            // of the content, in bytes
  std::int64_t modified = 0;                         // seconds since the epoch
  std::string_view type;                             // Content-Type
  std::string_view encoding;                         // Content-Encoding; empty: identity
  std::string_view entity_tag;                       // another one for each encoding of the same file
};

/// To a GET or HEAD: 304 or 412 by the preconditions, then 206 or 416 by Range (GET only, RFC 9110 14.2), else 200.
Response answer_with(Request& request, Representation representation);

}  // namespace edge
