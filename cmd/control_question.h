// What the commands that ask a running edge have in common: asking it, and saying what went wrong.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cmd/control_client.h"
#include "core/duration.h"
#include "core/result.h"

namespace edge {

/// Where the edge is: as control_place() takes it.
struct ControlOptions {
  std::string file;
  std::string control;
};

inline constexpr Milliseconds kPatience{10'000};  // for what an edge does at once

/// Nothing after saying why there is none, with the exit code in `status`.
std::optional<ControlClient> connected(const ControlOptions& options, int& status);
/// The same for an answer that tells how what was asked for has ended; what else the edge has to say is an error.
std::optional<ControlAnswer> answer_of(ControlClient client, const std::string& method, const std::string& path,
                                       std::optional<Milliseconds> patience, int& status);
/// Both.
std::optional<ControlAnswer> asked(const ControlOptions& options, const std::string& method, const std::string& path,
                                   std::optional<Milliseconds> patience, int& status);

void print_error(std::string_view text);
/// Harmless to a terminal.
std::string printable(std::string_view text);
/// The exit code after saying that the answer means nothing to this program.
int not_understood(const Error& error);

}  // namespace edge
