// Time as the loops know it.
#pragma once

#include <chrono>

namespace edge {

using Milliseconds = std::chrono::milliseconds;
using Microseconds = std::chrono::microseconds;

}  // namespace edge
