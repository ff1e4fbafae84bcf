// What the names and values of header fields may be made of (RFC 9110 5.1, 5.5, 5.6.2).
#pragma once

#include <cstddef>
#include <string_view>

namespace edge {

/// A field's name, a method, a coding: not empty, and of letters, digits and !#$%&'*+-.^_`|~ alone.
bool is_token(std::string_view text);

/// How many control bytes there are, DEL among them and tabs not.
std::size_t count_controls(std::string_view text);

/// A field's value or a reason phrase: no control bytes but the tab. Bytes above 0x7f may be there.
inline bool is_field_text(std::string_view text) {
  return count_controls(text) == 0;
}

}  // namespace edge
