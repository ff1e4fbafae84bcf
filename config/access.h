// Loading of lists of addresses, and of whom http, a site or a route serves.
#pragma once

#include <map>
#include <string>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// The section `lists`. Files are not read: that is for whoever serves by them.
std::map<std::string, AddressList> load_lists(const Section& top);

/// Reads `deny`, `allow`, `deny_with` and `ban` of the section; what it does not give stays as inherited.
void read_guarding(const Section& section, const std::map<std::string, AddressList>& lists, Guarding& to);

}  // namespace edge::config
