// The commands ban, unban and bans.
#pragma once

#include <string>

#include "cmd/control_question.h"
#include "cmd/control_target.h"

namespace edge {

/// What `edge ban` was given.
struct BanWords {
  std::string address;
  std::string duration;  // "1h"; empty: until it is lifted
  std::string why;
};

// Each prints what happened, and returns an ExitCode; kExitConfiguration for words that are no address or no duration.
int ban_command(const ControlOptions& options, const BanWords& words);
int unban_command(const ControlOptions& options, const std::string& address);
/// A table, or the edge's JSON as it is.
int bans_command(const ControlOptions& options, bool json);

/// The table. `now`: seconds since the epoch.
std::string bans_table(const BansReport& report, std::int64_t now);

}  // namespace edge
