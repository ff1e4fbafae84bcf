// Changing the very file that was looked at: through a descriptor of it.
#include "core/net/socket_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/log.h"
#include "core/unique_fd.h"

namespace edge {
namespace {

std::unexpected<Error> cannot(const std::string& path, const std::string& what, const std::string& why) {
  return fail(ErrorKind::internal, Side::ours, path + " cannot be given " + what + ": " + why);
}

Result<UniqueFd> open_socket_file(const std::string& path, const std::string& what) {
  UniqueFd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat found{};
  if (!file || ::fstat(file.get(), &found) != 0) return cannot(path, what, std::strerror(errno));
  if (!S_ISSOCK(found.st_mode)) {
    return cannot(path, what, "something else was put in its place; keep its folder for edge and those it trusts");
  }
  return file;
}

}  // namespace

Result<void> set_socket_mode(const std::string& path, mode_t mode) {
  const std::string what = "its mode";
  const Result<UniqueFd> file = open_socket_file(path, what);
  if (!file) return std::unexpected(file.error());
  // fchmod() takes no descriptor of O_PATH, but the kernel's name for it leads to this file and no other.
  const std::string name = "/proc/self/fd/" + std::to_string(file->get());
  if (::chmod(name.c_str(), mode) != 0) return cannot(path, what, std::strerror(errno));
  return {};
}

Result<void> set_socket_owner(const std::string& path, uid_t user, gid_t group) {
  const std::string what = "its owner";
  const Result<UniqueFd> file = open_socket_file(path, what);
  if (!file) return std::unexpected(file.error());
  if (::fchownat(file->get(), "", user, group, AT_EMPTY_PATH) != 0) return cannot(path, what, std::strerror(errno));
  return {};
}

std::optional<SocketFile> find_socket_file(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return std::nullopt;
  return SocketFile{path, found.st_dev, found.st_ino};
}

void remove_socket_file(const SocketFile& file) {
  const std::optional<SocketFile> found = find_socket_file(file.path);
  if (!found || found->device != file.device || found->inode != file.inode) return;
  if (::unlink(file.path.c_str()) == 0 || errno == ENOENT) return;
  log::warn("the file of a socket, {}, cannot be removed: {}; remove it", file.path, std::strerror(errno));
}

}  // namespace edge
