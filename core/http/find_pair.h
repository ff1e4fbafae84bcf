// find_pair(): the value of a name among `name=value` pieces, as cookies and query strings have them.
#pragma once

#include <optional>
#include <string_view>

namespace edge {

/// The first `name=value` among the pieces of `text` between separators; upper and lower case of names are the same.
/// Nothing is decoded, as in nginx. A view into `text`.
std::optional<std::string_view> find_pair(std::string_view text, char separator, std::string_view name);

}  // namespace edge
