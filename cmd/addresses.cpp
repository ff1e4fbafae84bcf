// What is open, what comes beside it, and what goes.
#include "cmd/addresses.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

#include "core/log.h"
#include "core/net/listener.h"
#include "core/net/socket_file.h"

namespace edge {

namespace {

constexpr std::uint16_t kFirstFreePort = 1024;

/// Whether a file may be made or replaced there.
bool may_write(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  return ::faccessat(AT_FDCWD, folder.empty() ? "/" : folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

Result<UniqueFd> duplicate(const UniqueFd& socket, const std::string& url) {
  UniqueFd own(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  if (own) return own;
  return fail(ErrorKind::internal, Side::ours,
              fmt::format("{}: no descriptor is left for it: {}", url, std::generic_category().message(errno)));
}

/// Everything that the snapshot listens on, by the name of the app whose own socket it is, or none.
template <class Visit>
void for_each_listen(const config::Snapshot& snapshot, Visit visit) {
  for (const config::Site& site : snapshot.sites) {
    for (const config::Listen& listen : site.listen) visit(listen, static_cast<const config::App*>(nullptr));
  }
  for (const config::App& app : snapshot.apps) {
    if (app.socket) visit(*app.socket, &app);
  }
}

std::string name_of(const config::App* app) {
  return app ? app->name : std::string();
}

Addresses::Address described(const config::Listen& listen, const config::App* app, std::vector<UniqueFd> sockets) {
  Addresses::Address address;
  address.listen = listen;
  address.app = name_of(app);
  address.url = url_of(sockets.front(), listen, app);
  address.port = bound_address(sockets.front().get()).port;
  address.sockets = std::move(sockets);
  return address;
}

/// Each socket is accepted from, and each loop accepts from one at least.
Result<void> share(const Addresses::Address& address, const config::Listen* listen, const config::App* app,
                   Addresses::Added& to) {
  const Address bound = bound_address(address.sockets.front().get());
  const std::size_t count = std::max(address.sockets.size(), to.listeners.size());
  for (std::size_t i = 0; i < count; ++i) {
    Result<UniqueFd> own = duplicate(address.sockets[i % address.sockets.size()], address.url);
    if (!own) return std::unexpected(std::move(own.error()));
    to.listeners[i % to.listeners.size()].push_back({listen, std::move(*own), bound, app});
  }
  return {};
}

/// Of the same kind as before, but perhaps with TLS now, or without.
void adjust(Addresses::Address& address, const config::Listen& listen, const config::App* app,
            std::vector<std::string>& problems) {
  if (std::exchange(address.listen, listen).backlog != listen.backlog) {
    for (const UniqueFd& socket : address.sockets) ::listen(socket.get(), listen.backlog);
  }
  if (std::string url = url_of(address.sockets.front(), listen, app); url != address.url) {
    log::info("listening on {}, no longer on {}", url, address.url);
    address.url = std::move(url);
  }
  if (!app || listen.unix_path.empty() || std::exchange(address.mode, app->socket_mode) == app->socket_mode) return;
  const Result<void> set = set_socket_mode(listen.unix_path, app->socket_mode);
  if (set) return;
  const bool denied = geteuid() != 0 && !may_write(listen.unix_path);
  problems.push_back(
      fmt::format("{}: {}{}", listen.place.text(), set.error().context,
                  denied ? "; let edge's user write to that folder, or restart edge" : "; restart edge"));
}

}  // namespace

const Addresses::Address* Addresses::find(const config::Listen& listen) const {
  const auto at = std::ranges::find(open_, listen, &Address::listen);
  return at == open_.end() ? nullptr : &*at;
}

std::string Addresses::http() const {
  const auto at = std::ranges::find_if(open_, [](const Address& address) { return address.app.empty(); });
  return at == open_.end() ? std::string() : at->url;
}

/// What to do about an address that cannot be opened while edge runs, when it could be at a start.
std::string Addresses::hint(const config::Snapshot& snapshot, const config::Listen& listen) const {
  if (listen.inherited >= 0 && !open_.empty()) return "; sockets are inherited only when edge is started: restart it";
  const bool gave_up_root = geteuid() != 0 && !snapshot.process.user.empty();
  if (!listen.unix_path.empty()) {
    return gave_up_root && !may_write(listen.unix_path)
               ? fmt::format(
                     "; edge has given up the rights of root since it was started: let {} write to that folder, "
                     "or restart edge",
                     snapshot.process.user)
               : std::string();
  }
  const std::uint16_t port = listen.address.port;
  if (port == 0) return {};
  for (const Address& other : open_) {
    if (other.port != port) continue;
    return fmt::format(
        "; edge itself listens on {}, and where two addresses share a port a reload cannot put one in the place of the "
        "other: restart edge, or take another port",
        other.url);
  }
  if (port >= kFirstFreePort || !gave_up_root) return {};
  return fmt::format(
      "; edge has given up the rights of root since it was started: restart it, or start it as {} with {}",
      snapshot.process.user, "CAP_NET_BIND_SERVICE and without edge.user");
}

Result<Addresses::Added> Addresses::open(const config::Snapshot& snapshot, std::size_t loops) const {
  const auto is_open = [this](const config::Listen& listen) { return find(listen) != nullptr; };
  Result<std::vector<OpenAddress>> opened = open_listeners(snapshot, loops, inherited_, is_open);
  if (!opened) {
    Error error = opened.error();
    std::string more;
    for_each_listen(snapshot, [&](const config::Listen& listen, const config::App*) {
      if (more.empty() && error.context.starts_with(listen.place.text() + ": ")) more = hint(snapshot, listen);
    });
    error.context += more;
    return std::unexpected(std::move(error));
  }
  Added added{std::vector<std::vector<OpenListener>>(loops), {}};
  for (OpenAddress& one : *opened) {
    Address address = described(*one.listen, one.app, std::move(one.sockets));
    address.mode = one.app ? one.app->socket_mode : 0;
    address.file = std::move(one.file);
    if (Result<void> shared = share(address, one.listen, one.app, added); !shared)
      return std::unexpected(shared.error());
    added.addresses.push_back(std::move(address));
  }
  Result<void> result;
  for_each_listen(snapshot, [&](const config::Listen& listen, const config::App* app) {
    const Address* const known = find(listen);
    if (result && known && known->app != name_of(app)) result = hand_over(*known, listen, app, added);
  });
  if (!result) return std::unexpected(std::move(result.error()));
  return added;
}

/// A socket that is open gets another owner, from sites to an app or the other way: nobody else could open it
/// meanwhile.
Result<void> Addresses::hand_over(const Address& from, const config::Listen& listen, const config::App* app,
                                  Added& to) {
  const auto same = [&](const Address& one) { return one.listen == listen && one.app == name_of(app); };
  if (std::ranges::any_of(to.addresses, same)) return {};  // of several sites
  std::vector<UniqueFd> sockets;
  for (const UniqueFd& socket : from.sockets) {
    Result<UniqueFd> own = duplicate(socket, from.url);
    if (!own) return std::unexpected(std::move(own.error()));
    sockets.push_back(std::move(*own));
  }
  Address address = described(listen, app, std::move(sockets));
  address.mode = from.mode;
  if (Result<void> shared = share(address, &listen, app, to); !shared) return shared;
  to.addresses.push_back(std::move(address));
  return {};
}

Addresses::Change Addresses::turn_to(const config::Snapshot& snapshot, std::vector<Address> added) {
  Change change;
  std::vector<Address> before = std::exchange(open_, {});
  const auto taken_from = [&](std::vector<Address>& list, const config::Listen& listen, const std::string& app) {
    const auto at =
        std::ranges::find_if(list, [&](const Address& one) { return one.listen == listen && one.app == app; });
    if (at == list.end()) return false;
    open_.push_back(std::move(*at));
    list.erase(at);
    return true;
  };
  for_each_listen(snapshot, [&](const config::Listen& listen, const config::App* app) {
    const std::string name = name_of(app);
    if (taken_from(before, listen, name)) return adjust(open_.back(), listen, app, change.problems);
    if (!taken_from(added, listen, name)) return;  // of several sites
    ++change.opened;
    const auto gives = std::ranges::find(before, listen, &Address::listen);
    if (gives != before.end()) {
      open_.back().file = std::move(gives->file);
      adjust(open_.back(), listen, app, change.problems);
    }
    log::info("listening on {}", open_.back().url);
  });
  for (const Address& gone : before) log::info("no longer listening on {}", gone.url);
  change.closed = before.size();
  return change;
}

std::vector<Addresses::Shared> Addresses::to_share() const {
  std::vector<Shared> shared;
  for (const Address& address : open_) {
    if (address.listen.inherited >= 0) continue;
    Shared& one = shared.emplace_back(socket_key(address.listen, address.app), std::vector<int>());
    for (const UniqueFd& socket : address.sockets) one.sockets.push_back(socket.get());
  }
  return shared;
}

void Addresses::leave(const std::set<std::string>& keys) {
  for (Address& address : open_) {
    if (keys.contains(socket_key(address.listen, address.app))) address.file.forget();
  }
}

void Addresses::own_files() {
  for (Address& address : open_) {
    const std::string& path = address.listen.unix_path;
    if (!path.empty() && !address.file) address.file = OwnSocketFile(path);
  }
}

}  // namespace edge
