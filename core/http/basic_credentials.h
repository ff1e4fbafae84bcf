// What a request claims by `Authorization: Basic` (RFC 7617).
#pragma once

#include <optional>
#include <string_view>

#include "core/arena.h"
#include "core/http/header_list.h"

namespace edge {

/// As the client claims; nothing of it is verified. Never empty names.
struct BasicCredentials {
  std::string_view name;
  std::string_view password;
};

/// Nothing when there are none, or several, or when they are malformed: no base64, no colon, no name. The views lie in
/// `arena`.
std::optional<BasicCredentials> basic_credentials(const HeaderList& headers, Arena& arena);

}  // namespace edge
