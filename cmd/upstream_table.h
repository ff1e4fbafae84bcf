// The part of the table of `edge status` that tells of the servers behind edge.
#pragma once

#include <cstddef>
#include <string>

#include "proxy/upstream_status.h"

namespace edge {

/// As status_table().
std::string upstream_table(const UpstreamStatus& upstream, std::size_t columns);

}  // namespace edge
