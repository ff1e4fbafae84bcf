// The lock is on a file, because folders of some file systems (NFS) take none.
#include "core/net/tls_private_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include "core/net/tls_pem.h"

namespace edge {
namespace {

constexpr Milliseconds kBetweenAttempts{10};
constexpr const char* kLockFile = ".lock";
constexpr const char* kNewFile = ".new";

Result<UniqueFd> open_folder(const std::string& path) {
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  if (failed) return tls_failure(path + " cannot be made: " + failed.message());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return tls_failure(path + " cannot be made: " + std::strerror(errno));
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return tls_failure(path + " cannot be opened as a folder: " + std::strerror(errno));
  return folder;
}

Result<void> close_to_others(int folder, const std::string& path) {
  struct stat found{};
  if (::fstat(folder, &found) != 0) return tls_failure(path + " cannot be looked at: " + std::strerror(errno));
  if (found.st_uid != ::geteuid()) {
    return tls_failure(path + " belongs to user " + std::to_string(found.st_uid) +
                       ", who could replace the keys in it; remove it, or run edge as that user");
  }
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) == 0) return {};
  if (::fchmod(folder, 0700) == 0) return {};
  return tls_failure(path + " cannot be closed to other users: " + std::strerror(errno));
}

/// Nothing to hold where nothing can be written: who only reads finds whole files.
Result<UniqueFd> lock(int folder, const std::string& path, Milliseconds patience) {
  UniqueFd file(::openat(folder, kLockFile, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file && (errno == EROFS || errno == EACCES)) return file;
  if (!file) return tls_failure(path + " cannot be locked: " + std::strerror(errno));
  const auto until = std::chrono::steady_clock::now() + patience;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return tls_failure(path + " cannot be locked: " + std::strerror(errno));
    if (std::chrono::steady_clock::now() >= until) {
      return tls_failure(path + " has been held by another edge for " + std::to_string(patience.count()) +
                         " ms; end the one that hangs");
    }
    std::this_thread::sleep_for(kBetweenAttempts);
  }
  return file;
}

bool write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(file) == 0;
}

}  // namespace

Result<PrivateFolder> PrivateFolder::take(const std::string& path, Milliseconds patience) {
  Result<UniqueFd> folder = open_folder(path);
  if (!folder) return std::unexpected(folder.error());
  const Result<void> closed = close_to_others(folder->get(), path);
  if (!closed) return std::unexpected(closed.error());
  Result<UniqueFd> held = lock(folder->get(), path, patience);
  if (!held) return std::unexpected(held.error());
  return PrivateFolder(path, std::move(*folder), std::move(*held));
}

bool PrivateFolder::has(const std::string& name) const {
  struct stat found{};
  return ::fstatat(folder_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

Result<void> PrivateFolder::write(const std::string& name, std::string_view content) const {
  ::unlinkat(folder_.get(), kNewFile, 0);  // of a process that was killed
  const UniqueFd file(::openat(folder_.get(), kNewFile, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file && write_all(file.get(), content) && ::renameat(folder_.get(), kNewFile, folder_.get(), name.c_str()) == 0)
    return {};
  const int reason = errno;
  ::unlinkat(folder_.get(), kNewFile, 0);
  return tls_failure(path_of(name) + " cannot be written: " + std::strerror(reason));
}

}  // namespace edge
