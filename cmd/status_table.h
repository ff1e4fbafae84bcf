// The answer of `edge status` as a table for people.
#pragma once

#include <cstddef>
#include <string>

#include "cmd/control_target.h"

namespace edge {

/// Lines of at most `columns` (80 or more) columns where texts of clients and apps would make them longer. What those
/// could do to a terminal is escaped. Times are local.
std::string status_table(const ServiceStatus& status, std::size_t columns);

}  // namespace edge
