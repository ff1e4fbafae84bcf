// Conditional requests (RFC 9110 13): whether a GET or HEAD gets the content, "not modified" or "precondition failed".
#pragma once

#include <cstdint>
#include <string_view>

#include "core/http/header_list.h"

namespace edge {

/// Of the representation that would be sent.
struct Validators {
  std::string_view entity_tag;     // strong, with its quotes
  std::int64_t last_modified = 0;  // seconds since the epoch
};

enum class Precondition : std::uint8_t {
  holds,         // send it
  not_modified,  // 304
  failed,        // 412
};

/// Evaluates If-Match, else If-Unmodified-Since; then If-None-Match, else If-Modified-Since (RFC 9110 13.2.2). If-Match
/// compares strongly, If-None-Match weakly. A date that is none, or that comes twice, counts as not sent; a list of
/// tags is read up to its first fault.
Precondition check_preconditions(const HeaderList& request, const Validators& current);

}  // namespace edge
