// Loading of edge, log and http, and of access logs wherever they are set.
#pragma once

#include <optional>
#include <string_view>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

Process load_process(const Section& edge);
Log load_log(const Section& log);

/// Reads what the section gives; the rest stays as inherited.
void read_connection_settings(const Section& section, HttpSettings& settings);
void read_exchange_settings(const Section& section, HttpSettings& settings);

/// The access log under `key`: `around` when not given, none for false, `base` for true and for what a map leaves
/// out. `base` is that of log.access, or nothing when that is off.
std::optional<AccessTarget> read_access(const Section& section, std::string_view key,
                                        const std::optional<AccessTarget>& around,
                                        const std::optional<AccessTarget>& base);

}  // namespace edge::config
