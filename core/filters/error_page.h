// Error pages: which configured page answers in the place of a status.
#pragma once

#include <span>

#include "core/http/router.h"

namespace edge {

/// The page for `status`, or null. Where several hold, the one with the fewest statuses (404 before 400-499), then the
/// first.
const ErrorPage* error_page_for(std::span<const ErrorPage> pages, int status);

}  // namespace edge
