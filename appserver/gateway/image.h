// What the edge's binary carries for its apps: the gateway object and the script that loads it. Nothing of Python here.
#pragma once

#include <string_view>

namespace edge {

/// The bytes of edge_gateway.abi3.so, for a memfd that the app's interpreter inherits. Lives as long as the process.
std::string_view gateway_image();

/// The Python source that an app's interpreter is started with: `python -c SOURCE SETTINGS SPECIAL_CASES`, as the head
/// of bootstrap.py describes. These live as long as the process.
std::string_view bootstrap_source();
std::string_view special_cases_source();

/// What belongs before that source when the settings say `static`: other apps have nothing to parse for it.
std::string_view static_folders_source();

}  // namespace edge
