// PasswordChecks: looks at passwords on the thread pool, few at a time in the whole process, and remembers those that
// were right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/access/turns.h"
#include "core/access/user_table.h"
#include "core/access/verified_credentials.h"
#include "core/http/basic_credentials.h"
#include "core/http/request.h"
#include "core/task.h"

namespace edge {

/// From the threads of several loops, whose ends it outlives.
class PasswordChecks {
 public:
  enum class Outcome : std::uint8_t {
    right,
    wrong,     // the password, or the name
    too_many,  // are looked at and wait already
    failed,    // there is no memory
    gone,      // the client has
  };

  /// Half of the thread pool, so that a flood of bad passwords leaves the other half to files.
  static constexpr std::size_t kAtOnce = 2;
  static constexpr std::size_t kWaiting = 64;

  PasswordChecks(std::size_t at_once = kAtOnce, std::size_t waiting = kWaiting) : turns_(at_once, waiting) {}

  /// A name that nobody has takes as long as one that somebody has. `claimed` must live as long as the request.
  Task<Outcome> check(Request& request, std::shared_ptr<const UserTable> users, BasicCredentials claimed);

 private:
  VerifiedCredentials verified_;
  Turns turns_;
};

}  // namespace edge
