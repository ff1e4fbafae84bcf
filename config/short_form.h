// The short form: `app:` and `static:` at the top level, in place of apps and sites.
#pragma once

#include <optional>

#include "config/routes.h"
#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// Whether a file uses it. That it stands beside `sites` or `apps` is reported.
bool uses_short_form(const Section& top);

/// The one site: on :8080, every host. `app` is the one that load_short_app() made, if any.
Site load_short_site(const Section& top, const HttpSettings& http, const RouteContext& context,
                     const std::optional<App>& app);

}  // namespace edge::config
