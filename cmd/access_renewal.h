// AccessRenewal: reads lists of addresses again when their files change, and brings them to the loops.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cmd/running.h"
#include "core/net/path_watch.h"

namespace edge {

/// On the main loop's thread. What cannot be read leaves what was read before in force, with an error in the log.
class AccessRenewal {
 public:
  /// `running` outlives it.
  explicit AccessRenewal(Running& running) : running_(running) {}
  AccessRenewal(const AccessRenewal&) = delete;
  AccessRenewal& operator=(const AccessRenewal&) = delete;

  /// The files of the configuration that is in force now are watched.
  void watch();
  void stop();

 private:
  void changed(const std::string& what);
  void read_again();
  void take(Result<std::shared_ptr<const AccessLists>> read);

  Running& running_;
  std::vector<std::string> files_;
  std::unique_ptr<PathWatch> watch_;
  bool under_way_ = false;
  bool again_ = false;  // changed while they were read
  bool stopped_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // expires with it, for what ends on other threads
};

}  // namespace edge
