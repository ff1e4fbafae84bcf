// Handover: what an edge that is upgraded gives to the process that takes its place, as both of them read it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edge {

/// The successor's descriptors: from 3 on those of the service manager, then the channel, a pipe on which it tells
/// what happens to it; then those of `parts`, one after another.
struct Handover {
  /// The environment variable that holds text().
  static constexpr const char* kVariable = "EDGE_HANDOVER";
  /// A line of the channel that begins so is the last: "ready" and the indices of the parts that were taken. Others
  /// are lines of the successor's log, in which no such byte can be.
  static constexpr std::string_view kReady = "\x01ready";

  struct Part {
    std::string key;  // "127.0.0.1:80", "unix:/run/edge.sock", "pid:/run/edge.pid"
    std::size_t count = 0;
    bool operator==(const Part&) const = default;
  };
  pid_t from = 0;
  int activated = 0;  // how many are the service manager's
  std::vector<Part> parts{};

  std::string text() const;
  /// Nothing when it is none of this form.
  static std::optional<Handover> parse(std::string_view text);

  static std::string ready_line(const std::vector<std::size_t>& taken);
  /// Of a line that begins with kReady.
  static std::vector<std::size_t> taken_in(std::string_view line);
};

}  // namespace edge
