// Inheritance: what this process was started with besides its arguments.
#pragma once

#include <string>
#include <vector>

#include "cmd/predecessor.h"
#include "core/net/inherited_sockets.h"
#include "core/net/service_manager.h"

namespace edge {

/// Taken from the environment, where nothing of it stays for the apps.
struct Inheritance {
  /// Once, at the start, before there are other threads.
  static Inheritance take(int argc, char** argv);

  std::string program{};                   // where this binary was found: what is there later may be a newer one
  std::vector<std::string> arguments{};    // with the program's name
  std::vector<std::string> environment{};  // "NAME=value", without what is below
  Predecessor predecessor{};
  InheritedSockets sockets{};
  ServiceManager manager{};
};

}  // namespace edge
