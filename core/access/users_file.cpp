// Exchanging the table when it differs.
#include "core/access/users_file.h"

#include <fmt/format.h>

namespace edge {

Result<bool> UsersFile::take(std::string_view text) {
  auto read = UserTable::parse(text);
  if (!read) {
    const UserTable::Problem& first = read.error().front();
    return fail(ErrorKind::internal, Side::ours, fmt::format("{}:{}: {}", path_, first.line, first.message));
  }
  const std::lock_guard lock(mutex_);
  if (users_->same_users(**read)) return false;
  users_ = std::move(*read);
  return true;
}

std::shared_ptr<const UserTable> UsersFile::users() const {
  const std::lock_guard lock(mutex_);
  return users_;
}

}  // namespace edge
