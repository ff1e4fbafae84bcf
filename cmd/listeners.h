// The listening sockets of the process: opened first, told in the log, their files removed at the end.
#pragma once

#include <string>
#include <vector>

#include "config/snapshot.h"
#include "core/address.h"
#include "core/net/socket_file.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// A listening socket before a loop takes it. It points into the snapshot, which must outlive it.
struct OpenListener {
  const config::Listen* listen;
  UniqueFd socket;
  Address address;                   // with the port that the kernel chose; family none: a unix socket
  const config::App* app = nullptr;  // whose own socket it is, for uwsgi; null: one of the sites', for HTTP

  std::string url() const;  // "http://127.0.0.1:80", "unix:/run/x.sock", "uwsgi://127.0.0.1:3031 (app blog)"
};

/// What every loop listens on, one set a loop. Ports that the kernel chose are the same on each. An error names the
/// place in the configuration.
Result<std::vector<std::vector<OpenListener>>> open_listeners(const config::Snapshot& snapshot);

/// Removes the files of unix sockets when it is destroyed, unless another server has put its own there meanwhile.
class SocketFiles {
 public:
  SocketFiles() = default;
  SocketFiles(const SocketFiles&) = delete;
  SocketFiles& operator=(const SocketFiles&) = delete;
  ~SocketFiles();

  void add(const std::vector<OpenListener>& listeners);

 private:
  std::vector<SocketFile> files_;
};

}  // namespace edge
