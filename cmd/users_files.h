// The users files of a configuration, and the watch that reads them again when they change.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "config/snapshot.h"
#include "core/access/users_file.h"
#include "core/net/loop.h"
#include "core/net/path_watch.h"
#include "core/result.h"

namespace edge {

/// By path.
using UsersFiles = std::map<std::string, std::shared_ptr<UsersFile>>;

/// Those that the snapshot names, read now. Blocks; from any thread. A file that is among `before` stays the same
/// object, so routers of before go by what stands in it now as well; what is wrong with it is logged. An error, of a
/// file that is new, names the place in the site file.
Result<UsersFiles> read_users_files(const config::Snapshot& snapshot, const UsersFiles& before);

/// On the main loop's thread; files are read on the thread pool.
class UsersWatch {
 public:
  explicit UsersWatch(Loop& main) : main_(main) {}

  /// From now on these are watched.
  void turn_to(const UsersFiles& files);

 private:
  void read_again() const;

  Loop& main_;
  UsersFiles files_;
  std::unique_ptr<PathWatch> watch_;
};

}  // namespace edge
