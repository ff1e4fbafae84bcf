// How HTTP/2 writes the names of well-known header fields (RFC 9113 8.2).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "core/http/header_list.h"

namespace edge {

/// By HeaderName; made before main() begins.
extern const std::array<std::string_view, static_cast<std::size_t>(HeaderName::x_sendfile) + 1> kH2FieldNames;

/// "content-type"; empty for `other`. Lives for ever.
inline std::string_view h2_field_name(HeaderName id) {
  return kH2FieldNames[static_cast<std::size_t>(id)];
}

}  // namespace edge
