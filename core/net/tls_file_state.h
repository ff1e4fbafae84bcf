// What tells that the files of TLS were changed or replaced since they were read.
#pragma once

#include <span>
#include <string>

namespace edge {

/// Of the files that can be looked at. Blocking for microseconds; to be asked before they are read.
std::string tls_file_state(std::span<const std::string> files);

/// Whether this process may not read one of them.
bool has_denied_file(std::span<const std::string> files);

}  // namespace edge
