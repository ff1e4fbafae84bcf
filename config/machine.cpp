// ThisMachine over POSIX, and paths as text.
#include "config/machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include "config/document.h"
#include "core/capabilities.h"
#include "core/cpu_count.h"
#include "core/unique_fd.h"

namespace edge::config {
namespace {

std::string reason() {
  return std::error_code(errno, std::generic_category()).message();
}

}  // namespace

std::string ThisMachine::working_directory() const {
  std::error_code failed;
  const std::string path = std::filesystem::current_path(failed).string();
  return failed ? "/" : path;
}

Machine::Kind ThisMachine::kind(const std::string& path) const {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return Kind::missing;
  return S_ISDIR(found.st_mode) ? Kind::directory : Kind::file;
}

bool ThisMachine::readable(const std::string& path) const {
  const int wanted = kind(path) == Kind::directory ? R_OK | X_OK : R_OK;
  return ::faccessat(AT_FDCWD, path.c_str(), wanted, AT_EACCESS) == 0;
}

std::expected<std::string, std::string> ThisMachine::read(const std::string& path) const {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::unexpected(reason());
  std::string content;
  char block[16 * 1024];
  while (content.size() <= kMostDocumentBytes) {
    const ssize_t got = ::read(file.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(reason());
    if (got == 0) break;
    content.append(block, static_cast<std::size_t>(got));
  }
  return content;
}

std::vector<std::string> ThisMachine::names(const std::string& directory) const {
  std::vector<std::string> result;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), ::closedir);
  if (!open) return result;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") result.emplace_back(name);
  }
  return result;
}

unsigned ThisMachine::usable_cpus() const {
  return edge::usable_cpus();
}

Result<Account> ThisMachine::account(const std::string& user, const std::string& group) const {
  return Account::find(user, group);
}

bool ThisMachine::may_run_as(const Account& account) const {
  return may_change_user() || (account.user == geteuid() && account.group == getegid());
}

std::string absolute_path(const std::string& directory, const std::string& path) {
  const std::string whole = path.starts_with('/') ? path : directory + "/" + path;
  std::string result;
  std::size_t at = 0;
  while (at < whole.size()) {
    const std::size_t end = std::min(whole.find('/', at), whole.size());
    const std::string_view step = std::string_view(whole).substr(at, end - at);
    if (!step.empty() && step != ".") result.append("/").append(step);
    at = end + 1;
  }
  return result.empty() ? "/" : result;
}

std::string parent_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {};
  return path.substr(0, slash == 0 ? 1 : slash);
}

}  // namespace edge::config
