// Limits, pid file, runtime folder, user and group.
#include "cmd/process_setup.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/account.h"
#include "core/capabilities.h"
#include "core/log.h"
#include "core/open_files.h"
#include "core/unique_fd.h"

namespace edge {

namespace {

std::unexpected<Error> failed(const std::string& what) {
  return fail(ErrorKind::internal, Side::ours, what + ": " + std::strerror(errno));
}

Result<std::optional<Account>> wanted_account(const config::Process& process) {
  if (process.user.empty() && process.group.empty()) return std::nullopt;
  Result<Account> account = Account::find(process.user, process.group);
  if (account) return std::optional(std::move(*account));
  return fail(ErrorKind::internal, Side::ours, "edge.user, edge.group: " + account.error().context);
}

/// Whether an app runs as someone else than `edge`.
bool needs_user_change(const std::vector<config::App>& apps, const Account& edge) {
  return std::ranges::any_of(apps, [&edge](const config::App& app) {
    if (app.user.empty() && app.group.empty()) return false;
    const Result<Account> account = Account::find(app.user, app.group);
    const uid_t user = app.user.empty() || !account ? edge.user : account->user;
    return !account || user != edge.user || account->group != edge.group;
  });
}

/// Returns 0, or the errno.
int become(const Account& account, bool keep_user_change) {
  if (keep_user_change && prctl(PR_SET_KEEPCAPS, 1) != 0) return errno;
  if (setgroups(account.groups.size(), account.groups.data()) != 0 || setgid(account.group) != 0 ||
      setuid(account.user) != 0) {
    return errno;
  }
  if (account.user == 0) return 0;
  const int status = keep_user_change ? keep_user_change_only() : give_up_capabilities();
  prctl(PR_SET_KEEPCAPS, 0);
  return status;
}

/// It may have been removed, or replaced, since it was opened.
bool is_at(const UniqueFd& file, const std::string& path) {
  struct stat opened{};
  struct stat found{};
  return file && ::fstat(file.get(), &opened) == 0 && ::stat(path.c_str(), &found) == 0 &&
         opened.st_dev == found.st_dev && opened.st_ino == found.st_ino;
}

/// Makes the folder unless it is there, and gives it to the user that edge becomes.
Result<void> make_own(const std::string& path, const std::string& key, const config::Process& process) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed(key + ": " + path);
  const Result<std::optional<Account>> account = wanted_account(process);
  if (!account || !*account || geteuid() != 0) return {};
  if (::chown(path.c_str(), (*account)->user, (*account)->group) != 0) return failed(key + ": " + path);
  return {};
}

}  // namespace

void raise_file_limit(const config::Process& process) {
  const std::uint64_t most = raise_open_files();
  if (most >= process.max_connections) return;
  log::warn("only {} files may be open (ulimit -n), fewer than edge.max_connections ({}) may need", most,
            process.max_connections);
}

Result<PidFile> PidFile::write(const std::string& path, UniqueFd open) {
  PidFile file;
  if (path.empty()) return file;
  file.file_ =
      is_at(open, path) ? std::move(open) : UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  const std::string pid = std::to_string(getpid()) + "\n";
  if (!file.file_ || ::ftruncate(file.file_.get(), 0) != 0 ||
      ::pwrite(file.file_.get(), pid.data(), pid.size(), 0) < 0) {
    return failed("edge.pid_file: " + path);
  }
  file.path_ = path;
  return file;
}

PidFile::~PidFile() {
  if (!path_.empty() && ::unlink(path_.c_str()) != 0 && ::ftruncate(file_.get(), 0) != 0) {
    log::warn("the pid file {} stays behind: {}", path_, std::strerror(errno));
  }
}

Result<RuntimeDir> RuntimeDir::make(const config::Process& process) {
  RuntimeDir made;
  if (process.runtime_dir.empty()) {
    std::error_code none;
    std::string pattern = (std::filesystem::temp_directory_path(none) / "edge-XXXXXX").string();
    if (!mkdtemp(pattern.data())) return failed("cannot make a runtime folder " + pattern);
    made.path_ = pattern;
    made.temporary_ = true;
  } else {
    made.path_ = process.runtime_dir;
  }
  Result<void> owned = make_own(made.path_, "edge.runtime_dir", process);
  if (!owned) return std::unexpected(std::move(owned.error()));
  return made;
}

Result<void> make_state_dir(const config::Process& process) {
  return process.state_dir.empty() ? Result<void>() : make_own(process.state_dir, "edge.state_dir", process);
}

RuntimeDir::~RuntimeDir() {
  std::error_code left_behind;  // bodies are unlinked files: the folder is empty
  if (temporary_) std::filesystem::remove(path_, left_behind);
}

Result<void> drop_privileges(const config::Snapshot& snapshot) {
  const Result<std::optional<Account>> wanted = wanted_account(snapshot.process);
  if (!wanted) return std::unexpected(wanted.error());
  if (!*wanted) return {};
  const Account& account = **wanted;
  if (geteuid() != 0) {
    if (account.user != geteuid()) log::warn("edge.user is ignored: only root can become another user");
    return {};
  }
  if (const int reason = become(account, needs_user_change(snapshot.apps, account)); reason != 0) {
    return fail(ErrorKind::internal, Side::ours,
                "cannot become user " + snapshot.process.user + ": " + std::strerror(reason));
  }
  return {};
}

}  // namespace edge
