// A ban as the query of a URL of the control socket, both ways.
#pragma once

#include <string>
#include <string_view>

#include "cmd/control_target.h"
#include "core/result.h"

namespace edge {

/// "address=10.0.0.0%2F8&for=3600000&why=…"; what is not given is left out.
std::string ban_query(const BanOrder& order);

/// Malformed: no address or network, a duration that is no number of milliseconds up to ten years, an unknown or broken
/// parameter.
Result<BanOrder> read_ban_query(std::string_view query);

}  // namespace edge
