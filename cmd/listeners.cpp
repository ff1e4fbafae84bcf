// Opening for sites and for the apps' own sockets.
#include "cmd/listeners.h"

#include <fmt/format.h>
#include <unistd.h>

#include <sys/socket.h>

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
  Opener(std::size_t loops, Inheritance& inherited) : loops_(loops), inherited_(inherited) {}

  /// `mode` is that of the file of a unix socket, when it is not the umask's.
  Result<void> open(const config::Listen& listen, const config::App* app, std::optional<unsigned> mode) {
    OpenAddress address{&listen, app, {}};
    std::vector<UniqueFd> given = inherited_.predecessor.take(socket_key(listen, app ? app->name : std::string()));
    const bool taken_over = !given.empty();
    const Result<void> opened = taken_over                 ? take_over(address, mode, std::move(given))
                                : listen.inherited >= 0    ? add(address, inherited(listen))
                                : listen.unix_path.empty() ? add_ports(address)
                                                           : add(address, open_unix(listen, mode));
    if (!opened) return fail(ErrorKind::internal, Side::ours, listen.place.text() + ": " + opened.error().context);
    if (!listen.unix_path.empty() && !taken_over) address.file = OwnSocketFile(listen.unix_path);
    opened_.push_back(std::move(address));
    return {};
  }
  std::vector<OpenAddress> take() { return std::move(opened_); }

 private:
  Result<UniqueFd> inherited(const config::Listen& listen) const {
    return inherited_.sockets.listener(listen.inherited, listen.backlog);
  }

  static Result<UniqueFd> open_unix(const config::Listen& listen, std::optional<unsigned> mode) {
    return open_unix_listener(listen.unix_path, listen.backlog, mode);
  }

  /// The file of a unix socket stays the predecessor's until that leaves.
  static Result<void> take_over(OpenAddress& to, std::optional<unsigned> mode, std::vector<UniqueFd> given) {
    for (const UniqueFd& one : given) {
      if (::listen(one.get(), to.listen->backlog) == 0) continue;
      return fail(ErrorKind::internal, Side::ours,
                  fmt::format("{} cannot be taken over: {}", to.listen->text, std::strerror(errno)));
    }
    to.sockets = std::move(given);
    const std::string& path = to.listen->unix_path;
    return mode && !path.empty() ? set_socket_mode(path, *mode) : Result<void>();
  }

  static Result<void> add(OpenAddress& to, Result<UniqueFd> socket) {
    if (!socket) return std::unexpected(std::move(socket.error()));
    to.sockets.push_back(std::move(*socket));
    return {};
  }

  Result<void> add_ports(OpenAddress& to) const {
    Address address = to.listen->address;
    for (std::size_t i = 0; i < loops_; ++i) {
      const PortUse use = loops_ == 1 ? PortUse::alone : i == 0 ? PortUse::first_of_many : PortUse::one_of_many;
      const Result<void> added = add(to, open_tcp_listener(address, to.listen->backlog, use));
      if (!added) return added;
      if (address.port == 0) address = bound_address(to.sockets.back().get());
    }
    return {};
  }

  std::size_t loops_;
  Inheritance& inherited_;
  std::vector<OpenAddress> opened_;
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

std::string socket_key(const config::Listen& listen, const std::string& app) {
  if (!listen.unix_path.empty()) return "unix:" + listen.unix_path;
  if (listen.inherited >= 0) return fmt::format("fd:{}", listen.inherited);
  const bool chosen_by_kernel = !app.empty() && listen.address.port == 0;
  return chosen_by_kernel ? fmt::format("{} of app {}", listen.address.text(), app) : listen.address.text();
}

std::string url_of(const UniqueFd& socket, const config::Listen& listen, const config::App* app) {
  const Address address = bound_address(socket.get());
  const bool is_unix = address.family == Address::Family::none;
  std::string where = is_unix ? "unix:" + bound_path(socket.get()) : address.text();
  if (app) return fmt::format("uwsgi://{} (app {})", where, app->name);
  if (is_unix) return where;
  return (listen.tls ? "https://" : "http://") + where;
}

Result<std::vector<OpenAddress>> open_listeners(const config::Snapshot& snapshot, std::size_t loops,
                                                Inheritance& inherited,
                                                const std::function<bool(const config::Listen& listen)>& is_open) {
  Opener opener(loops, inherited);
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
