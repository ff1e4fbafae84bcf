// The listening sockets of the process: opened first, told in the log, their files removed at the end.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/snapshot.h"
#include "core/address.h"
#include "core/net/socket_file.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// The file of a unix socket: removed when this is destroyed, unless another server has put its own there meanwhile.
class OwnSocketFile {
 public:
  OwnSocketFile() = default;
  explicit OwnSocketFile(const std::string& path);
  OwnSocketFile(OwnSocketFile&& other) noexcept : file_(std::exchange(other.file_, std::nullopt)) {}
  OwnSocketFile& operator=(OwnSocketFile&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~OwnSocketFile();

 private:
  std::optional<SocketFile> file_;
};

/// A listening socket before a loop takes it. It points into the snapshot, which must outlive it.
struct OpenListener {
  const config::Listen* listen;
  UniqueFd socket;
  Address address;                   // with the port that the kernel chose; family none: a unix socket
  const config::App* app = nullptr;  // whose own socket it is, for uwsgi; null: one of the sites', for HTTP
  OwnSocketFile file{};              // of a unix socket, in the first set

  std::string url() const;  // "http://127.0.0.1:80", "unix:/run/x.sock", "uwsgi://127.0.0.1:3031 (app blog)"
};

/// Opens what the snapshot names and `is_open` does not say is there: one set for each of the loops. Ports that the
/// kernel chose are the same on each. An error names the place in the configuration; then nothing of it stays.
Result<std::vector<std::vector<OpenListener>>> open_listeners(
    const config::Snapshot& snapshot, std::size_t loops,
    const std::function<bool(const config::Listen& listen)>& is_open);

}  // namespace edge
