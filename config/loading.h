// What every part of loading shares.
#pragma once

#include <string>
#include <vector>

#include "config/machine.h"
#include "config/problems.h"

namespace edge::config {

struct Loading {
  const Machine& machine;
  Problems& problems;
  /// A file or a section could not be read: what seems to be missing may stand in it, so nothing is said to be missing.
  bool incomplete = false;
  std::vector<std::string> files{};  // that were read, absolute

  /// `path` as the file that names it means it.
  std::string absolute(const Place& named_at, const std::string& path) const {
    return absolute_path(absolute_path(machine.working_directory(), parent_path(named_at.file)), path);
  }
};

}  // namespace edge::config
