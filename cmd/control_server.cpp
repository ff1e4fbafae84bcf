// The control socket: opening, letting in whom it may, closing.
#include "cmd/control_server.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "cmd/control_handler.h"
#include "core/log.h"
#include "core/unique_fd.h"

namespace edge {
namespace {

constexpr int kBacklog = 64;
constexpr std::size_t kMostConnections = 64;
constexpr Milliseconds kClosing{1'000};

HttpSettings control_settings() {
  HttpSettings http;
  http.keepalive_timeout = Milliseconds{10'000};
  http.max_header_size = 8 * 1024;
  http.client_max_body_size = 4 * 1024;
  return http;
}

std::vector<std::unique_ptr<Site>> only_site(ControlTarget& target) {
  auto site = std::make_unique<Site>();
  site->http = control_settings();
  Route route;
  route.path.path = "/";
  route.http = site->http;
  route.handler = std::make_unique<ControlHandler>(target);
  site->routes.push_back(std::move(route));
  std::vector<std::unique_ptr<Site>> sites;
  sites.push_back(std::move(site));
  return sites;
}

/// The process that listens at `path`, if one does.
std::optional<pid_t> process_listening_at(const std::string& path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.size() >= sizeof where.sun_path) return std::nullopt;
  std::memcpy(where.sun_path, path.c_str(), path.size() + 1);
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!probe || ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 ||
      ::getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return std::nullopt;
  }
  return peer.pid;
}

}  // namespace

ControlServer::ControlServer(Loop& main, const std::string& path, ControlTarget& target)
    : path_(path), door_(main, limit_), entrance_(door_.open(std::make_shared<Router>(only_site(target)))) {}

ControlServer::~ControlServer() {
  remove_file();
  if (listener_) listener_->leave();  // of a start that failed; the loop's end frees it
}

Result<std::unique_ptr<ControlServer>> ControlServer::open(Loop& main, const std::string& path, ControlTarget& target) {
  if (const std::optional<pid_t> owner = process_listening_at(path)) {
    return fail(ErrorKind::internal, Side::ours,
                fmt::format("another edge (pid {}) serves this site file, and listens at {}; stop it, or "
                            "give this one an edge.control of its own",
                            *owner, path));
  }
  Result<UniqueFd> socket = open_unix_listener(path, kBacklog, 0600);
  if (!socket) return std::unexpected(socket.error());
  std::unique_ptr<ControlServer> server(new ControlServer(main, path, target));
  if (Result<void> watched = server->watch(std::move(*socket)); !watched) return std::unexpected(watched.error());
  server->begin();
  return server;
}

Result<std::unique_ptr<ControlServer>> ControlServer::take_over(Loop& main, const std::string& path, UniqueFd socket,
                                                                ControlTarget& target) {
  std::unique_ptr<ControlServer> server(new ControlServer(main, path, target));
  if (Result<void> watched = server->watch(std::move(socket)); !watched) return std::unexpected(watched.error());
  server->listener_->set_accepting(false);
  return server;
}

Result<void> ControlServer::watch(UniqueFd socket) {
  listener_ = Listener::make(door_.loop(), std::move(socket), [this](int fd, const Address&) { accepted(fd); });
  if (listener_) return {};
  return fail(ErrorKind::internal, Side::ours, fmt::format("{} cannot be watched", path_));
}

void ControlServer::begin() {
  file_ = find_socket_file(path_);
  listener_->set_accepting(true);
}

void ControlServer::leave() {
  file_.reset();
  std::exchange(listener_, nullptr)->leave();
}

void ControlServer::accepted(int fd) {
  UniqueFd connection(fd);
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  if (peer.uid != 0 && peer.uid != ::geteuid()) {
    return log::warn("control socket: user {} (pid {}) is refused: only root and edge's own user may ask", peer.uid,
                     peer.pid);
  }
  if (door_.connections() >= kMostConnections) {
    return log::warn("control socket: {} connections are open: that of pid {} is closed", kMostConnections, peer.pid);
  }
  door_.adopt(entrance_, connection.release(), {}, {});
}

void ControlServer::close(std::move_only_function<void()> done) {
  remove_file();
  if (listener_) std::exchange(listener_, nullptr)->shut();
  door_.loop().arm(*this, kClosing);
  door_.stop([this, done = std::move(done)]() mutable {
    disarm();
    done();
  });
}

void ControlServer::remove_file() {
  if (file_) remove_socket_file(*file_);
  file_.reset();
}

}  // namespace edge
