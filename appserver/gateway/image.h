// What the edge's binary carries for its apps: the gateway object and the script that loads it. Nothing of Python here.
#pragma once

#include <string_view>

namespace edge {

/// The bytes of edge_gateway.abi3.so, for a memfd that the app's interpreter inherits. Lives as long as the process.
std::string_view gateway_image();

/// The Python source that an app's interpreter is started with: `python -c SOURCE SETTINGS`, where SETTINGS is the one
/// JSON object that the head of bootstrap.py describes. Lives as long as the process.
std::string_view bootstrap_source();

/// What belongs before that source when the settings say `static`: other apps have nothing to parse for it.
std::string_view static_folders_source();

}  // namespace edge
