// ControlClient: asks a running edge over its control socket, for the commands. Blocking, one request a connection.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/duration.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// Where to look for the edge that is meant.
struct ControlPlace {
  std::string file;                // its site file; empty when only the socket was named
  std::vector<std::string> paths;  // the first where somebody listens is taken; never empty
};

/// From what the command line says: the site file (empty: ./site.yaml or ./edge.yaml) and --control (empty: as the file
/// says, else the default). The file may be wrong, or gone.
Result<ControlPlace> control_place(const std::string& file, const std::string& control);

struct ControlAnswer {
  int status = 0;
  std::string body;
};

class ControlClient {
 public:
  /// Connects within 5 seconds. What listens must run as the caller, as root, or be asked by root. The error is a
  /// sentence for the caller that says what to do.
  static Result<ControlClient> connect(const ControlPlace& place);

  /// Of the edge; 0 when it lives in another namespace.
  pid_t pid() const { return pid_; }

  /// Sends the request and waits for the whole answer, of at most 16 MiB; without `patience` as long as the edge
  /// takes. Once.
  Result<ControlAnswer> ask(const std::string& method, const std::string& path,
                            std::optional<Milliseconds> patience) &&;

 private:
  ControlClient(UniqueFd socket, std::string path, pid_t pid)
      : socket_(std::move(socket)), path_(std::move(path)), pid_(pid) {}
  Result<std::string> receive(std::optional<Milliseconds> patience);
  std::unexpected<Error> failed(ErrorKind kind, const std::string& what) const;

  UniqueFd socket_;
  std::string path_;
  pid_t pid_;
};

}  // namespace edge
