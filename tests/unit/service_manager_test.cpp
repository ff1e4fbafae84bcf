// What a service manager is told, over sockets with and without a file.
#include "core/net/service_manager.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "core/unique_fd.h"
#include "support/captured_log.h"
#include "support/temporary_directory.h"

using namespace edge;
using namespace edge::test;

namespace {

/// Its own end, bound to `address` as NOTIFY_SOCKET writes it.
struct FakeManager {
  explicit FakeManager(const std::string& address) : socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    std::memcpy(where.sun_path, address.data(), address.size());
    if (address[0] == '@') where.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where), size) == 0);
  }
  std::string next() const {
    char text[256];
    const ssize_t size = ::recv(socket.get(), text, sizeof text, 0);
    return size < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(size));
  }
  UniqueFd socket;
};

}  // namespace

TEST_CASE("a service manager is told each state, on a socket with a file or without") {
  const TemporaryDirectory folder;
  for (const std::string& address : {(folder / "notify").string(), "@edge-test-" + std::to_string(::getpid())}) {
    CAPTURE(address);
    const FakeManager manager(address);
    const ServiceManager told(address);
    told.ready();
    CHECK(manager.next() == "READY=1");
    told.reloading();
    const std::string reloading = manager.next();
    CHECK(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    CHECK(reloading.find_first_not_of("0123456789", reloading.find("USEC=") + 5) == std::string::npos);
    told.stopping();
    CHECK(manager.next() == "STOPPING=1");
    told.moved_to(4711);
    CHECK(manager.next() == "MAINPID=4711");
    CHECK(manager.next() == "nothing");
  }
}

TEST_CASE("the name of the service manager's socket stays in no environment") {
  const TemporaryDirectory folder;
  const FakeManager manager((folder / "notify").string());
  REQUIRE(::setenv("NOTIFY_SOCKET", (folder / "notify").c_str(), 1) == 0);
  const ServiceManager told = ServiceManager::from_environment();
  CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
  told.ready();
  CHECK(manager.next() == "READY=1");
}

TEST_CASE("a service manager that does not listen is a warning, and none at all is nothing") {
  CapturedLog log;
  ServiceManager().ready();
  CHECK(log.text().empty());
  ServiceManager("/nowhere/notify").ready();
  CHECK(log.contains("warn NOTIFY_SOCKET: /nowhere/notify cannot be told READY=1: No such file or directory"));
  ServiceManager(std::string(200, 'x')).stopping();
  CHECK(log.contains("cannot be told STOPPING=1: File name too long"));
}
