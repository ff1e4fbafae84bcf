// What the exit status of `edge` tells.
#pragma once

namespace edge {

enum ExitCode : int {
  kExitOk = 0,             // served, and stopped with everything answered
  kExitFailed = 1,         // something on our side; the log says what
  kExitConfiguration = 2,  // the command line or the configuration is wrong
  kExitListen = 3,         // an address cannot be listened on
  kExitApp = 4,            // an app cannot be started
  kExitCut = 5,            // stopped at once: a second signal, or shutdown_timeout passed with requests under way
};

}  // namespace edge
