// How HTTP/2 writes the names of well-known header fields (RFC 9113 8.2).
#pragma once

#include <string_view>

#include "core/http/header_list.h"

namespace edge {

/// "content-type"; empty for `other`. Lives for ever.
std::string_view h2_field_name(HeaderName id);

}  // namespace edge
