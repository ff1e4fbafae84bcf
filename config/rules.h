// Loading of `rules`, `protect` and `rules_body`.
#pragma once

#include "config/section.h"
#include "core/http/settings.h"

namespace edge::config {

/// What the section gives replaces what was inherited.
void read_rules(const Section& section, HttpSettings& settings);

}  // namespace edge::config
