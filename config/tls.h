// Loading of `tls` of a site, and of what an address speaks.
#pragma once

#include <optional>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// Nothing when the site has none, or when it is wrong.
std::optional<TlsSettings> load_tls(const Section& site);

/// Reports addresses that speak TLS without certificates, certificates without such an address, and a redirect to
/// https that leads nowhere. After `site` was read.
void check_tls(const Section& section, const Site& site);

}  // namespace edge::config
