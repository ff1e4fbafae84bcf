// The commands that ask a running edge: status, reload, restart, rollback, reopen, upgrade, stop.
#pragma once

#include <string>

#include "cmd/control_question.h"
#include "cmd/control_target.h"

namespace edge {

// Each prints to standard output what happened, to standard error what went wrong, and returns an ExitCode. Blocking;
// when the caller is interrupted, what was asked for goes on.

/// A table, or the edge's JSON as it is.
int status_command(const ControlOptions& options, bool json);
/// kExitConfiguration when the site file is wrong (nothing was touched), kExitApp when an app could not be reloaded.
int reload_command(const ControlOptions& options);
/// kExitApp when the new generation could not be started.
int restart_command(const ControlOptions& options, const std::string& app);
int rollback_command(const ControlOptions& options, const std::string& app);
int reopen_command(const ControlOptions& options);
/// Returns when the new process serves, or has failed.
int upgrade_command(const ControlOptions& options);
/// Returns when the process has gone.
int stop_command(const ControlOptions& options);

/// What a reload prints, and its exit code.
struct ReloadText {
  std::string out;
  std::string error;
  int status;
};
ReloadText reload_text(const ReloadReport& report);

}  // namespace edge
