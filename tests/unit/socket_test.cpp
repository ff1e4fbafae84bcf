// Socket: what the kernel reports of a peer that resets the connection.
#include "core/net/socket.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "core/net/deadline.h"
#include "core/unique_fd.h"

using namespace edge;

namespace {

/// Reads a few bytes at each event, as one does whose buffer is small.
class Reader final : public Socket, private Deadline {
 public:
  Reader(Loop& loop, int fd) : running_(loop) {
    REQUIRE(watch(loop, fd) == 0);
    loop.arm(*this, Milliseconds(20'000));
  }
  std::string got;
  int error = 0;

 private:
  void on_readable() override {
    char bytes[4];
    const ssize_t size = recv(fd(), bytes, sizeof bytes, 0);
    if (size > 0) {
      got.append(bytes, static_cast<std::size_t>(size));
    } else if (errno != EAGAIN) {
      error = size < 0 ? errno : 0;
      close();
    }
  }
  void on_writable() override {}
  void on_closed() override { running_.stop(); }
  void on_deadline() override { close(); }  // in vain
  Loop& running_;
};

struct TcpPair {
  TcpPair() {
    const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(bind(listener.get(), any, size) == 0);
    REQUIRE(listen(listener.get(), 1) == 0);
    REQUIRE(getsockname(listener.get(), any, &size) == 0);
    client = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(connect(client.get(), any, size) == 0);
    server = UniqueFd(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(server);
  }
  UniqueFd client, server;
};

}  // namespace

TEST_CASE("what came before a reset is read to its end, and then the reset is seen") {
  TcpPair pair;
  REQUIRE(send(pair.client.get(), "0123456789", 10, 0) == 10);
  const linger now{1, 0};
  REQUIRE(setsockopt(pair.client.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  pair.client.reset();
  Loop loop{0};
  Reader reader(loop, pair.server.release());
  loop.run();
  CHECK(reader.got == "0123456789");
  CHECK(reader.error == ECONNRESET);
}
