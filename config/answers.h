// Loading of what sites and routes add to answers: headers and error pages.
#pragma once

#include <string_view>
#include <vector>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// Adds the section's headers to those inherited; one of the same name takes the other's place.
void read_headers(const Section& section, std::vector<HeaderRule>& rules);
/// Replaces those inherited, when the section gives any.
void read_error_pages(const Section& section, std::vector<ErrorPage>& pages);
/// Caching fields; without the key they stay as they are.
void read_expires(const Section& section, Expires& expires);

/// Whether `text` may be the value of a header field (RFC 9110 5.5): no control character but tab.
bool is_field_value(std::string_view text);

}  // namespace edge::config
