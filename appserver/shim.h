// Scripts that stand for an interpreter, such as the shims of pyenv.
#pragma once

#include <chrono>
#include <string>

#include "core/result.h"

namespace edge {

/// The interpreter that `path` leads to: itself unless it is a script; a script is run and asked, and what it says need
/// not exist (a script that finds none says nothing, and one that cannot be run neither). Blocking, until `deadline` at
/// the latest: then the script and what it started are killed. Any thread. Error: the script did not answer in time.
Result<std::string> interpreter_behind(const std::string& path, std::chrono::steady_clock::time_point deadline);

}  // namespace edge
