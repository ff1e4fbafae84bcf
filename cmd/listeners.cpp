// Opening for sites and for the apps' own sockets.
#include "cmd/listeners.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "core/account.h"
#include "core/net/listener.h"
#include "core/net/socket_file.h"

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
    for (auto& set : sets_) {
      UniqueFd own(::fcntl(shared->get(), F_DUPFD_CLOEXEC, 0));
      if (!own) {
        return fail(ErrorKind::internal, Side::ours,
                    fmt::format("{} cannot be shared by the loops: {}", listen.unix_path, std::strerror(errno)));
      }
      set.push_back({&listen, std::move(own), listen.address, app});
    }
    sets_.front().back().file = OwnSocketFile(listen.unix_path);
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
  const Result<void> given = set_socket_owner(listen.unix_path, account->user, account->group);
  if (given) return {};
  return fail(ErrorKind::internal, Side::ours,
              fmt::format("{}: user {}: {}", listen.place.text(), account->name, given.error().context));
}

}  // namespace

std::string OpenListener::url() const {
  const std::string where = listen->unix_path.empty() ? address.text() : "unix:" + listen->unix_path;
  if (app) return fmt::format("uwsgi://{} (app {})", where, app->name);
  if (!listen->unix_path.empty()) return where;
  return (listen->tls ? "https://" : "http://") + where;
}

Result<std::vector<std::vector<OpenListener>>> open_listeners(
    const config::Snapshot& snapshot, std::size_t loops,
    const std::function<bool(const config::Listen& listen)>& is_open) {
  Opener opener(loops);
  std::vector<config::Listen> seen;
  for (const config::Site& site : snapshot.sites) {
    for (const config::Listen& listen : site.listen) {
      if (std::find(seen.begin(), seen.end(), listen) != seen.end()) continue;
      seen.push_back(listen);
      if (is_open(listen)) continue;
      const Result<void> opened = opener.open(listen, nullptr, std::nullopt);
      if (!opened) return std::unexpected(opened.error());
    }
  }
  for (const config::App& app : snapshot.apps) {
    if (!app.socket || is_open(*app.socket)) continue;
    const Result<void> opened = opener.open(*app.socket, &app, app.socket_mode);
    if (!opened) return std::unexpected(opened.error());
    const Result<void> given = give_to_account(snapshot.process, *app.socket);
    if (!given) return std::unexpected(given.error());
  }
  return opener.take();
}

OwnSocketFile::OwnSocketFile(const std::string& path) : file_(find_socket_file(path)) {}

OwnSocketFile::~OwnSocketFile() {
  if (file_) remove_socket_file(*file_);
}

}  // namespace edge
