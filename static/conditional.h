// Conditional requests (RFC 9110 13): whether a GET or HEAD gets the content, "not modified" or "precondition failed",
// and whether it gets the ranges that it asks for.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/http/header_list.h"

namespace edge {

/// Of the representation that would be sent.
struct Validators {
  std::string_view entity_tag;     // with its quotes; a weak one begins with W/
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

/// Whether Range is to be heeded as far as If-Range says (RFC 9110 13.1.5): there is none, or it has the strong tag, or
/// exactly the date. A date is strong when a second change within its second can be ruled out (RFC 9110 8.8.2.2): it
/// has passed by more than a second at `now` (seconds since the epoch). What is no validator, or comes twice, fails.
bool if_range_holds(const HeaderList& request, const Validators& current, std::int64_t now);

}  // namespace edge
