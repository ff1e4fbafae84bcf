// UsersFile: the users of one file as they were read last, for every loop and through every change of the file.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "core/access/user_table.h"
#include "core/result.h"

namespace edge {

/// From any thread.
class UsersFile {
 public:
  /// `path` is for messages. There is nobody in it until the first take().
  explicit UsersFile(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  /// `text`: what stands in the file now. True: the users are others than before. On an error, which says the line and
  /// what to do, those before stay.
  Result<bool> take(std::string_view text);
  /// Never null.
  std::shared_ptr<const UserTable> users() const;

 private:
  const std::string path_;
  mutable std::mutex mutex_;
  std::shared_ptr<const UserTable> users_ = *UserTable::parse({});  // guarded by mutex_
};

}  // namespace edge
