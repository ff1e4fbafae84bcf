// Opening for sites and for the apps' own sockets.
#include "cmd/listeners.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "core/account.h"
#include "core/net/listener.h"

namespace edge {

namespace {

class Opener {
 public:
  explicit Opener(std::size_t loops) : sets_(loops) {}

  /// `mode` is that of the file of a unix socket, when it is not the umask's.
  Result<void> open(const config::Listen& listen, const config::App* app, std::optional<unsigned> mode) {
    Result<void> opened = listen.unix_path.empty() ? open_tcp(listen, app) : open_unix(listen, app, mode);
    if (opened) return {};
    return fail(ErrorKind::internal, Side::ours, listen.place.text() + ": " + opened.error().context);
  }
  std::vector<std::vector<OpenListener>> take() { return std::move(sets_); }

 private:
  Result<void> open_unix(const config::Listen& listen, const config::App* app, std::optional<unsigned> mode) {
    const Result<UniqueFd> shared = open_unix_listener(listen.unix_path, listen.backlog, mode);
    if (!shared) return std::unexpected(shared.error());
    for (auto& set : sets_) set.push_back({&listen, UniqueFd(::dup(shared->get())), listen.address, app});
    return {};
  }

  Result<void> open_tcp(const config::Listen& listen, const config::App* app) {
    Address address = listen.address;
    for (auto& set : sets_) {
      const PortUse use = sets_.size() == 1        ? PortUse::alone
                          : &set == &sets_.front() ? PortUse::first_of_many
                                                   : PortUse::one_of_many;
      Result<UniqueFd> opened = open_tcp_listener(address, listen.backlog, use);
      if (!opened) return std::unexpected(opened.error());
      if (address.port == 0) address = bound_address(opened->get());
      set.push_back({&listen, std::move(*opened), address, app});
    }
    return {};
  }

  std::vector<std::vector<OpenListener>> sets_;
};

/// Who may connect to an app's socket besides its owner is the group that edge serves under, not root's.
Result<void> give_to_account(const config::Process& process, const config::Listen& listen) {
  if (geteuid() != 0 || listen.unix_path.empty() || (process.user.empty() && process.group.empty())) return {};
  const Result<Account> account = Account::find(process.user, process.group);
  if (!account) return std::unexpected(account.error());
  if (::chown(listen.unix_path.c_str(), account->user, account->group) == 0) return {};
  return fail(ErrorKind::internal, Side::ours,
              fmt::format("{}: {} cannot be given to user {}: {}", listen.place.text(), listen.unix_path, account->name,
                          std::strerror(errno)));
}

}  // namespace

std::string OpenListener::url() const {
  const std::string where = listen->unix_path.empty() ? address.text() : "unix:" + listen->unix_path;
  if (app) return fmt::format("uwsgi://{} (app {})", where, app->name);
  return listen->unix_path.empty() ? "http://" + where : where;
}

Result<std::vector<std::vector<OpenListener>>> open_listeners(const config::Snapshot& snapshot) {
  Opener opener(snapshot.process.threads);
  std::vector<config::Listen> seen;
  for (const config::Site& site : snapshot.sites) {
    for (const config::Listen& listen : site.listen) {
      if (std::find(seen.begin(), seen.end(), listen) != seen.end()) continue;
      seen.push_back(listen);
      const Result<void> opened = opener.open(listen, nullptr, std::nullopt);
      if (!opened) return std::unexpected(opened.error());
    }
  }
  for (const config::App& app : snapshot.apps) {
    if (!app.socket) continue;
    const Result<void> opened = opener.open(*app.socket, &app, app.socket_mode);
    if (!opened) return std::unexpected(opened.error());
    const Result<void> given = give_to_account(snapshot.process, *app.socket);
    if (!given) return std::unexpected(given.error());
  }
  return opener.take();
}

SocketFiles::~SocketFiles() {
  for (const File& file : files_) {
    struct stat found{};
    if (::lstat(file.path.c_str(), &found) != 0 || found.st_dev != file.device || found.st_ino != file.inode) continue;
    ::unlink(file.path.c_str());
  }
}

void SocketFiles::add(const std::vector<OpenListener>& listeners) {
  for (const OpenListener& listener : listeners) {
    const std::string& path = listener.listen->unix_path;
    struct stat made{};
    if (!path.empty() && ::lstat(path.c_str(), &made) == 0) files_.push_back({path, made.st_dev, made.st_ino});
  }
}

}  // namespace edge
