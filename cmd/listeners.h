// The listening sockets of the process: opened first, told in the log, their files removed at the end.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cmd/inheritance.h"
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

  /// Whether there is one to be removed.
  explicit operator bool() const { return file_.has_value(); }
  /// Another process removes it.
  void forget() { file_.reset(); }

 private:
  std::optional<SocketFile> file_;
};

/// How an upgrade names an address, by the configuration: "127.0.0.1:80", "unix:/run/edge.sock". `app`: whose own
/// socket it is, or empty.
std::string socket_key(const config::Listen& listen, const std::string& app);

/// A listening socket before a loop takes it. It points into the snapshot, which must outlive it.
struct OpenListener {
  const config::Listen* listen;
  UniqueFd socket;
  Address address;                   // with the port that the kernel chose; family none: a unix socket
  const config::App* app = nullptr;  // whose own socket it is, for uwsgi; null: one of the sites', for HTTP
};

/// An address with its sockets, before any loop accepts from them. It points into the snapshot, which must outlive it.
struct OpenAddress {
  const config::Listen* listen;
  const config::App* app = nullptr;
  std::vector<UniqueFd> sockets;  // at least one; each has clients of its own, so all are to be accepted from
  OwnSocketFile file{};           // of a unix socket that this process has made
};

/// "https://127.0.0.1:443", "unix:/run/x.sock", "uwsgi://127.0.0.1:3031 (app blog)": where the socket of `listen` is
/// bound.
std::string url_of(const UniqueFd& socket, const config::Listen& listen, const config::App* app);

/// Opens what the snapshot names and `is_open` does not say is there. A port has a socket for each of the loops, all
/// with the number that the kernel chose, where it was to; what is a path, or inherited, has one for all. Those
/// of an edge that is upgraded are taken over, however many there are. An error names the place in the configuration;
/// then nothing of it stays.
Result<std::vector<OpenAddress>> open_listeners(const config::Snapshot& snapshot, std::size_t loops,
                                                Inheritance& inherited,
                                                const std::function<bool(const config::Listen& listen)>& is_open);

}  // namespace edge
