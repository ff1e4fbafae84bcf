// Datagrams to the service manager.
#include "core/net/service_manager.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "core/log.h"
#include "core/unique_fd.h"

namespace edge {
namespace {

/// 0, or the errno.
int send_to(const std::string& address, std::string_view message) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (address.size() >= sizeof where.sun_path) return ENAMETOOLONG;
  std::memcpy(where.sun_path, address.data(), address.size());
  if (address.front() == '@') where.sun_path[0] = '\0';
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  const auto sent = ::sendto(socket.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&where), size);
  return sent < 0 ? errno : 0;
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  const char* const given = std::getenv("NOTIFY_SOCKET");
  ServiceManager manager(given ? given : "");
  ::unsetenv("NOTIFY_SOCKET");
  return manager;
}

void ServiceManager::ready() const {
  tell("READY=1");
}

void ServiceManager::reloading() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000 + now.tv_nsec / 1'000));
}

void ServiceManager::stopping() const {
  tell("STOPPING=1");
}

void ServiceManager::moved_to(pid_t process) const {
  tell(fmt::format("MAINPID={}", process));
}

void ServiceManager::tell(std::string_view message) const {
  if (address_.empty()) return;
  if (const int reason = send_to(address_, message); reason != 0) {
    log::warn("NOTIFY_SOCKET: {} cannot be told {}: {}", address_, message.substr(0, message.find('\n')),
              std::strerror(reason));
  }
}

}  // namespace edge
