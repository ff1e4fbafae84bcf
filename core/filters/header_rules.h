// Header rules: the fields that configuration adds to every answer, or removes from it.
#pragma once

#include <span>

#include "core/http/request.h"
#include "core/http/response.h"
#include "core/http/router.h"

namespace edge {

/// Applies `rules` in their order. A rule without a value removes every field of its name. One with a value replaces
/// what the answer has under that name; fields that are lists by nature (Set-Cookie, Vary, Link, WWW-Authenticate,
/// Via) are added to. A value that renders to nothing changes nothing. Control bytes become %HH: a value never begins
/// another header.
/// Whoever makes the rules sees to it that none names a field by which the connection frames an answer, and that their
/// names live as long as the answer, as those of the snapshot do.
void apply_header_rules(std::span<const HeaderRule> rules, const Request& request, Response& response);

/// Whether the answers that these rules are for will say `Cache-Control: no-transform`, whatever else they say, so that
/// who codes an answer before the rules are applied knows it.
bool forbid_transforming(std::span<const HeaderRule> rules, const Request& request);

}  // namespace edge
