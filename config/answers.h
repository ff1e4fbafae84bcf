// Loading of what sites and routes add to answers: headers and error pages.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <cstdint>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

enum class HeadersOf : std::uint8_t { answer, request };
/// Adds the section's headers to those inherited; one of the same name takes the other's place.
void read_headers(const Section& section, std::vector<HeaderRule>& rules, HeadersOf of = HeadersOf::answer);
/// Replaces those inherited, when the section gives any.
void read_error_pages(const Section& section, std::vector<ErrorPage>& pages);
/// Caching fields; without the key they stay as they are.
void read_expires(const Section& section, Expires& expires);

/// "404", or "500-504": a range with both ends, within `least` and `most`.
std::optional<std::pair<int, int>> parse_statuses(std::string_view text, int least, int most);

}  // namespace edge::config
