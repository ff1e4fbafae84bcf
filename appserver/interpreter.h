// Interpreter: which Python runs an app.
#pragma once

#include <string>
#include <vector>

#include "config/snapshot.h"
#include "core/result.h"

namespace edge {

/// How it is started: `file`, with `arguments` before those of Python itself.
struct Interpreter {
  std::string file;
  std::vector<std::string> arguments;  // the first is the name that it finds its home (its virtualenv) by

  /// By app.python and app.virtualenv: the virtualenv's, else python3 or the wanted version from PATH, else a libpython
  /// that the edge (`self_exe`) hosts itself. Looks at the disk and may run a script that stands for an interpreter:
  /// blocking, for the start. Error: what was looked for, and where.
  static Result<Interpreter> find(const config::App& app, const std::string& self_exe);
};

}  // namespace edge
