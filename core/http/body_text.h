// What of a request is text that rules can look at, and forms decoded.
#pragma once

#include <string_view>

#include "core/arena.h"
#include "core/http/header_list.h"

namespace edge {

/// Whether the body is text, JSON, XML, a script or a form by its Content-Type; also where that is missing.
bool holds_text(const HeaderList& headers);
/// application/x-www-form-urlencoded.
bool holds_form(const HeaderList& headers);

/// %HH and "+" as what they stand for; a broken escape stays as it is. `text` itself where there is none of them, else
/// in the arena.
std::string_view form_decoded(std::string_view text, Arena& arena);

}  // namespace edge
