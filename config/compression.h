// Loading of `compress`, wherever it is set.
#pragma once

#include <optional>

#include "config/section.h"
#include "core/http/settings.h"

namespace edge::config {

/// Reads `compress` of the section into `to`; without it `to` stays as inherited.
void read_compression(const Section& section, std::optional<CompressSettings>& to);

}  // namespace edge::config
