// Expires: how long an answer may be kept, as nginx's `expires` says it (RFC 9111 5.2, 5.3).
#pragma once

#include <cstdint>

#include "core/http/response.h"
#include "core/net/loop.h"

namespace edge {

/// What a route says of its answers.
struct Expires {
  enum class Kind : std::uint8_t {
    off,        // nothing
    after,      // `seconds` from now
    max,        // ten years, and a date at the end of 2037
    epoch,      // long ago, and "no-cache"
    immutable,  // a year, without asking again: for names that change with their content
  };
  Kind kind = Kind::off;
  std::uint32_t seconds = 0;

  bool operator==(const Expires&) const = default;
};

/// Adds Cache-Control and Expires to an answer that may be kept by them (200, 201, 204, 206, 301, 302, 303, 304, 307,
/// 308), unless it has one of the two already: whoever made it knows better.
void apply_expires(const Expires& expires, Loop& loop, Response& response);

}  // namespace edge
