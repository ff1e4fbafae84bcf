// Fields of a request that nobody but edge may set, because an app believes them.
#pragma once

#include <string_view>

#include "core/http/header_list.h"

namespace edge {

/// Takes off what a client has sent under `name`, also with _ in the place of -, which some servers take for the same.
/// Nor is it named by Connection afterwards, so that a client cannot have it taken off on its way either.
void forget_claims(HeaderList& headers, std::string_view name);

}  // namespace edge
