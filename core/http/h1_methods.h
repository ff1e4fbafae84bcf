// The methods that edge takes behind every front door: those that its parser of HTTP/1 knows.
#pragma once

#include <string_view>

namespace edge {

/// Registered ones and a few in use, as they are spelled: methods are case-sensitive (RFC 9110 9.1).
bool is_known_method(std::string_view name);

}  // namespace edge
