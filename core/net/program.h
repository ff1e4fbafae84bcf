// Program: what it takes to run one, and as whom.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/account.h"
#include "core/result.h"

namespace edge {

struct Program {
  std::string file;                      // looked for in PATH unless it holds a slash
  std::vector<std::string> arguments;    // the first is the name that the program sees for itself
  std::vector<std::string> environment;  // "NAME=value", all of it
  std::vector<int> descriptors;          // become 0, 1, 2 … of the child, which gets no other; -1: /dev/null
  std::optional<Account> account{};      // runs as it, without any capability; nothing: as this process
  std::uint64_t data_limit = 0;          // bytes of RLIMIT_DATA, which it cannot raise; 0: as this process
  bool own_group = false;                // leads a process group of its own

  /// Starts it with all signals as by default, and with the limit of open files that this process was started with,
  /// unless it is given so many that this would be too few.
  /// The caller waits for its end. Returns when it runs. Any thread. Error: which step failed, and why.
  Result<pid_t> start() const;
};

}  // namespace edge
