// Looking up users and groups.
#include "core/account.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace edge {
namespace {

constexpr std::size_t kFirstBuffer = 4096;
constexpr std::size_t kMostBuffer = 1 << 20;  // a group with very many members
constexpr std::size_t kMostGroups = 65'536;   // NGROUPS_MAX of Linux

std::unexpected<Error> unknown(const char* what, const std::string& name, int reason) {
  const std::string why = reason == 0 ? std::string() : std::string(": ") + std::strerror(reason);
  return fail(ErrorKind::internal, Side::ours, std::string("there is no ") + what + " " + name + why);
}

/// Calls one of the functions that end in _r with a buffer that grows as they ask for. Returns 0 or the errno.
template <class Entry, class Look>
int look_up(Look look, const std::string& name, Entry& entry, std::vector<char>& buffer, Entry*& found) {
  int status = ERANGE;
  for (std::size_t size = kFirstBuffer; status == ERANGE && size <= kMostBuffer; size *= 2) {
    buffer.resize(size);
    status = look(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  }
  return status;
}

std::vector<gid_t> groups_of(const std::string& user, gid_t group) {
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (getgrouplist(user.c_str(), group, groups.data(), &count) < 0 && groups.size() < kMostGroups) {
    groups.resize(groups.size() * 2);
    count = static_cast<int>(groups.size());
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

}  // namespace

Result<Account> Account::find(const std::string& user, const std::string& group) {
  Account account{geteuid(), getegid(), {}, {}, {}};
  std::vector<char> buffer;
  if (!user.empty()) {
    passwd entry{};
    passwd* found = nullptr;
    const int status = look_up(getpwnam_r, user, entry, buffer, found);
    if (!found) return unknown("user", user, status);
    account = {entry.pw_uid, entry.pw_gid, {}, user, entry.pw_dir};
  }
  if (!group.empty()) {
    ::group entry{};
    ::group* found = nullptr;
    const int status = look_up(getgrnam_r, group, entry, buffer, found);
    if (!found) return unknown("group", group, status);
    account.group = entry.gr_gid;
  }
  account.groups = user.empty() ? std::vector{account.group} : groups_of(user, account.group);
  return account;
}

}  // namespace edge
