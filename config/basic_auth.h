// Loading of `basic_auth`.
#pragma once

#include <optional>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// What the section says of `basic_auth`; `around` where it says nothing; nothing where it is null or `off`.
std::optional<BasicAuth> read_basic_auth(const Section& section, const std::optional<BasicAuth>& around);

}  // namespace edge::config
