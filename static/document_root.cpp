// Opening a directory, and noticing that another one has taken its place.
#include "static/document_root.h"

#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "core/log.h"

namespace edge {

Result<DocumentRoot> DocumentRoot::open(const std::string& path, Milliseconds recheck) {
  Found found = look_up(path, OpenStep::complete);
  if (found.error != 0) {
    return fail(ErrorKind::internal, Side::ours,
                "directory " + path + ": " + std::generic_category().message(found.error));
  }
  return DocumentRoot(path, recheck, std::move(found));
}

DocumentRoot::DocumentRoot(std::string path, Milliseconds recheck, Found found)
    : path_(std::move(path)),
      descriptor_(std::make_shared<const UniqueFd>(std::move(found.descriptor))),
      device_(found.device),
      inode_(found.inode),
      recheck_(static_cast<std::uint64_t>(recheck.count())) {}

bool DocumentRoot::due(std::uint64_t now) {
  if (now < due_at_) return false;
  due_at_ = now + recheck_;
  return true;
}

DocumentRoot::Found DocumentRoot::look_up(const std::string& path, OpenStep step) {
  Found found;
  const int fd = open_directory(path.c_str(), step);
  if (fd < 0) {
    found.error = -fd;
    return found;
  }
  found.descriptor = UniqueFd(fd);
  struct stat status;
  if (fstat(fd, &status) != 0) {
    found.error = errno;
    return found;
  }
  found.device = status.st_dev;
  found.inode = status.st_ino;
  return found;
}

void DocumentRoot::follow(Found found) {
  if (found.error != 0) {
    if (!missing_) {
      log::warn("directory {}: {}; serving from the one that was there", path_,
                std::generic_category().message(found.error));
    }
    missing_ = true;
    return;
  }
  missing_ = false;
  if (found.device == device_ && found.inode == inode_) return;
  log::info("directory {} was replaced; serving from the new one", path_);
  descriptor_ = std::make_shared<const UniqueFd>(std::move(found.descriptor));
  device_ = found.device;
  inode_ = found.inode;
}

}  // namespace edge
