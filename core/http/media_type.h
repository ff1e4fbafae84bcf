// Media types (RFC 9110 8.3.1): what may stand in Content-Type.
#pragma once

#include <string_view>

namespace edge {

/// "type/subtype" of two tokens and nothing else, so no part of it can split or hide a header.
bool is_media_type(std::string_view text);

/// The same, with parameters behind a semicolon perhaps. Of these only their bytes are looked at: visible ASCII and
/// blanks, without a comma.
bool is_content_type(std::string_view text);

}  // namespace edge
