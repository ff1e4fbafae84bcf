// `edge check`: says what is wrong in a site file, or that nothing is.
#pragma once

#include <string>

#include "core/result.h"

namespace edge {

/// Loads `file` as serve and reload do and stops there. Prints every problem to standard error and returns
/// kExitConfiguration, or prints "ok" to standard output and returns kExitOk. Blocking.
int check(const std::string& file);

/// ./site.yaml, else ./edge.yaml; the error's context says what was looked for.
Result<std::string> find_site_file();

}  // namespace edge
