// Loading: a file with its includes becomes a snapshot, or a list of errors, all of them in one go.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/snapshot.h"

namespace edge::config {

/// One thing that is wrong. text(): "site.yaml:3:7: apps.blog.proceses: unknown key; did you mean `processes`?"
struct Problem {
  Place place;
  std::string path;     // of the key, "apps.blog.processes"; may be empty
  std::string message;  // what is wrong, what was expected, what to do
  std::string text() const;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Reads `file` (relative to the working directory) and what it includes. Blocking; only for start and check.
std::expected<std::shared_ptr<const Snapshot>, std::vector<Problem>> load(const std::string& file,
                                                                          const Environment& environment);

class Machine;
/// The same on any machine, such as one in memory.
std::expected<std::shared_ptr<const Snapshot>, std::vector<Problem>> load(const std::string& file,
                                                                          const Machine& machine);

}  // namespace edge::config
