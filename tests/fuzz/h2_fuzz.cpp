// What a client sends behind the preface of HTTP/2: no bytes may hang the connection, crash it, or leave any of it
// behind.
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/http/door.h"
#include "core/http/h2_connection.h"
#include "core/http/handler.h"
#include "core/log.h"

namespace {

using namespace edge;

struct Http2 final : Protocol {
  std::unique_ptr<ClientConnection> connection(Door& door, Entrance& entrance, const ConnectionInfo& info) override {
    return std::make_unique<H2Connection>(door, entrance, info);
  }
};

/// Reads the body to its end, and says how much there was.
struct CountingHandler final : Handler {
  Task<Response> handle(Request& request) override {
    std::size_t size = 0;
    while (true) {
      const Result<std::string_view> piece = co_await request.body.read();
      if (!piece) co_return Response::of_error(request.arena, piece.error());
      if (piece->empty()) break;
      size += piece->size();
    }
    Response response(request.arena);
    response.body = request.arena.copy(std::to_string(size));
    co_return response;
  }
};

std::shared_ptr<const Router> router() {
  auto site = std::make_unique<Site>();
  Route route;
  route.path.path = "/";
  route.handler = std::make_unique<CountingHandler>();
  site->routes.push_back(std::move(route));
  std::vector<std::unique_ptr<Site>> sites;
  sites.push_back(std::move(site));
  return std::make_shared<Router>(std::move(sites));
}

void turn(Loop& loop, int times) {
  for (int i = 0; i < times; ++i) uv_run(loop.uv(), UV_RUN_NOWAIT);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  constexpr int kEnough = 20;  // turns
  static Loop loop;
  static Http2 http2;
  static const std::shared_ptr<const Router> routes = router();
  log::open(nullptr, LogLevel::error);
  if (size > 16 * 1024) return 0;
  ConnectionLimit limit;
  Door door(loop, limit);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
  door.adopt(door.open(routes, http2), ends[1], {}, {});
  std::string bytes(kPreface);
  bytes.append(reinterpret_cast<const char*>(data), size);
  if (::send(ends[0], bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) std::abort();
  turn(loop, 3);
  ::close(ends[0]);
  for (int i = 0; i < kEnough && door.connections() > 0; ++i) turn(loop, 1);
  if (door.connections() > 0) std::abort();
  return 0;
}
