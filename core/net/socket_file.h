// The file of a unix socket: its mode, its owner and its end, whatever was put in its place meanwhile.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "core/result.h"

namespace edge {

/// Whoever may write to the folder can put something else at `path` at any time: what is no socket stays untouched and
/// is an error, as is what the kernel refuses. Both name the path and the reason. Blocking for microseconds; for
/// start-up.
Result<void> set_socket_mode(const std::string& path, mode_t mode);
Result<void> set_socket_owner(const std::string& path, uid_t user, gid_t group);

/// One file, to be told from others that stand at its path later.
struct SocketFile {
  std::string path;
  dev_t device;
  ino_t inode;
};

/// The file at `path`, if there is one.
std::optional<SocketFile> find_socket_file(const std::string& path);
/// Removes the file, unless another stands there or none. When it cannot be removed, a warning says why.
void remove_socket_file(const SocketFile& file);

}  // namespace edge
