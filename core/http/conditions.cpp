// Leaving conditions out.
#include "core/http/conditions.h"

#include <algorithm>
#include <array>

namespace edge {

HeaderList without_conditions(const HeaderList& headers) {
  constexpr std::array kConditions = {
      HeaderName::if_match, HeaderName::if_none_match,       HeaderName::if_modified_since,
      HeaderName::if_range, HeaderName::if_unmodified_since, HeaderName::range};
  HeaderList others(headers.arena());
  for (const HeaderField& field : headers) {
    if (std::ranges::find(kConditions, field.id) == kConditions.end()) others.add(field);
  }
  return others;
}

}  // namespace edge
