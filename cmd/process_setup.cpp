// Limits, pid file, runtime folder, user and group.
#include "cmd/process_setup.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "core/log.h"
#include "core/unique_fd.h"

namespace edge {

namespace {

struct Identity {
  uid_t user = 0;
  gid_t group = 0;
  std::string name;
};

std::unexpected<Error> failed(const std::string& what) {
  return fail(ErrorKind::internal, Side::ours, what + ": " + std::strerror(errno));
}

std::unexpected<Error> unknown(const char* key, const std::string& name) {
  return fail(ErrorKind::internal, Side::ours, std::string(key) + ": there is no such " + (key + 5) + ": " + name);
}

Result<std::optional<Identity>> wanted_identity(const config::Process& process) {
  if (process.user.empty() && process.group.empty()) return std::nullopt;
  Identity identity{geteuid(), getegid(), process.user};
  if (!process.user.empty()) {
    const passwd* entry = getpwnam(process.user.c_str());
    if (!entry) return unknown("edge.user", process.user);
    identity.user = entry->pw_uid;
    identity.group = entry->pw_gid;
  }
  if (!process.group.empty()) {
    const group* entry = getgrnam(process.group.c_str());
    if (!entry) return unknown("edge.group", process.group);
    identity.group = entry->gr_gid;
  }
  return identity;
}

}  // namespace

void raise_file_limit(const config::Process& process) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < process.max_connections) {
    log::warn("only {} files may be open (ulimit -n), fewer than edge.max_connections ({}) may need",
              static_cast<std::uint64_t>(limit.rlim_cur), process.max_connections);
  }
}

Result<PidFile> PidFile::write(const std::string& path) {
  PidFile file;
  if (path.empty()) return file;
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const std::string pid = std::to_string(getpid()) + "\n";
  if (!fd || ::write(fd.get(), pid.data(), pid.size()) < 0) return failed("edge.pid_file: " + path);
  file.path_ = path;
  return file;
}

PidFile::~PidFile() {
  if (!path_.empty() && ::unlink(path_.c_str()) != 0 && ::truncate(path_.c_str(), 0) != 0) {
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
    if (::mkdir(process.runtime_dir.c_str(), 0700) != 0 && errno != EEXIST) {
      return failed("edge.runtime_dir: " + process.runtime_dir);
    }
    made.path_ = process.runtime_dir;
  }
  const Result<std::optional<Identity>> identity = wanted_identity(process);
  if (identity && *identity && geteuid() == 0 &&
      ::chown(made.path_.c_str(), (*identity)->user, (*identity)->group) != 0) {
    return failed("edge.runtime_dir: " + made.path_);
  }
  return made;
}

RuntimeDir::~RuntimeDir() {
  std::error_code left_behind;  // bodies are unlinked files: the folder is empty
  if (temporary_) std::filesystem::remove(path_, left_behind);
}

Result<void> drop_privileges(const config::Process& process) {
  const Result<std::optional<Identity>> wanted = wanted_identity(process);
  if (!wanted) return std::unexpected(wanted.error());
  if (!*wanted) return {};
  const Identity& identity = **wanted;
  if (geteuid() != 0) {
    if (identity.user != geteuid()) log::warn("edge.user is ignored: only root can become another user");
    return {};
  }
  const int groups =
      identity.name.empty() ? setgroups(1, &identity.group) : initgroups(identity.name.c_str(), identity.group);
  if (groups != 0 || setgid(identity.group) != 0 || setuid(identity.user) != 0) {
    return failed("cannot become user " + identity.name);
  }
  return {};
}

}  // namespace edge
