// PrivateFolder: a folder of this user's alone, in which one process at a time keeps small secret files.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/duration.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// Used by one thread; blocking. Others who take the same folder wait until it is destroyed.
class PrivateFolder {
 public:
  /// Makes the folder and what leads to it, with mode 0700; a folder that is open to others is closed to them. Waits up
  /// to `patience` for its turn. Errors name the path: it cannot be made, belongs to another user, or is held by
  /// another process.
  static Result<PrivateFolder> take(const std::string& path, Milliseconds patience);

  std::string path_of(std::string_view name) const { return path_ + "/" + std::string(name); }
  bool has(const std::string& name) const;
  /// Replaces the file as a whole, mode 0600; on disk when it returns.
  Result<void> write(const std::string& name, std::string_view content) const;

 private:
  PrivateFolder(std::string path, UniqueFd folder, UniqueFd lock)
      : path_(std::move(path)), folder_(std::move(folder)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd folder_;
  UniqueFd lock_;
};

}  // namespace edge
