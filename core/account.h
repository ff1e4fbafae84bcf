// Account: a user, a group and the further groups that processes run under.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/result.h"

namespace edge {

struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;  // all of them, `group` among them
  std::string name;           // of the user; with its home empty when only a group was named
  std::string home;

  /// By names: the user's own group when `group` is empty, this process's user when `user` is. At least one is given.
  /// Asks the databases of the system, which may lie on the network: blocking. Error: which name is unknown.
  static Result<Account> find(const std::string& user, const std::string& group);
};

}  // namespace edge
