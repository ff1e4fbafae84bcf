// Interpreter: which Python runs an app, and as whom.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/snapshot.h"
#include "core/account.h"
#include "core/duration.h"
#include "core/result.h"

namespace edge {

/// How it is started: `file`, with `arguments` before those of Python itself.
struct Interpreter {
  std::string file;
  std::vector<std::string> arguments;  // the first is the name that it finds its home (its virtualenv) by
  std::optional<Account> account;      // of app.user and app.group; nothing: the edge's

  /// By app.python and app.virtualenv: the virtualenv's, else python3 or the wanted version from PATH, else a libpython
  /// that the edge (`self_exe`) hosts itself. Looks at the disk and may run scripts that stand for an interpreter, for
  /// no longer than `within` in all: blocking, from any thread. Error: what was looked for, and where.
  static Result<Interpreter> find(const config::App& app, const std::string& self_exe,
                                  Milliseconds within = Milliseconds(10'000));
};

}  // namespace edge
