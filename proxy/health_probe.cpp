// One request without a client.
#include "proxy/health_probe.h"

#include <array>
#include <utility>

#include "core/http/request.h"
#include "proxy/codec_of.h"
#include "proxy/server_connection.h"
#include "proxy/upstream_lane.h"

namespace edge {

namespace {

constexpr std::string_view kNothing;

class NoBody final : public RequestBody {
 public:
  bool empty() const override { return true; }
  std::optional<std::uint64_t> length() const override { return 0; }
  Task<Result<std::string_view>> read() override { co_return std::string_view(); }
};

/// What the codecs want to know of a client.
struct OwnRequest {
  OwnRequest(Loop& loop, std::string_view path) : request(loop, arena, body) {
    request.method_name = "GET";
    request.target = request.path = path;
    request.connection = &connection;
  }
  Arena arena;
  NoBody body;
  ConnectionInfo connection;
  Request request;
};

Task<Result<int>> ask(ServerConnection& connection, UpstreamCodec& codec, const UpstreamRequest& asked,
                      Milliseconds timeout, Cancellation& cancellation) {
  std::string head;
  if (Result<void> written = codec.write_head(asked, head); !written) co_return std::unexpected(written.error());
  codec.finish_content(head);
  std::string_view left = head;
  while (!left.empty()) {
    const Result<ServerConnection::SendProgress> sent =
        co_await connection.send(left, kNothing, kNothing, timeout, cancellation);
    if (!sent) co_return std::unexpected(sent.error());
    left.remove_prefix(sent->taken);
    if (sent->sent == ServerConnection::Sent::answered) break;
  }
  std::array<char, 4096> buffer;
  while (true) {
    const Result<std::size_t> size = co_await connection.receive(buffer.data(), buffer.size(), timeout, cancellation);
    if (!size) co_return std::unexpected(size.error());
    if (*size == 0)
      co_return fail(ErrorKind::bad_gateway, Side::upstream, "it closed the connection without an answer");
    for (std::string_view received(buffer.data(), *size);;) {
      std::size_t consumed = 0;
      std::string_view content;
      const UpstreamCodec::Step step = codec.read(received.data(), received.size(), consumed, content);
      received.remove_prefix(consumed);
      if (step == UpstreamCodec::Step::head && codec.response().status >= 200) co_return codec.response().status;
      if (step == UpstreamCodec::Step::failed) co_return std::unexpected(codec.error());
      if (step == UpstreamCodec::Step::need_more) break;
    }
  }
}

Task<Result<int>> probe(Loop& main, std::shared_ptr<const Upstream> upstream, std::shared_ptr<const Server> server,
                        Cancellation& cancellation) {
  const config::HealthCheck& health = *upstream->settings().health;
  const ServerEndpoint endpoint = endpoint_of(*upstream, *server);
  Result<ServerConnection::Pointer> connected =
      co_await ServerConnection::connect(main, endpoint, health.timeout, cancellation);
  if (!connected) co_return std::unexpected(std::move(connected.error()));
  const ServerConnection::Pointer connection = std::move(*connected);
  OwnRequest own(main, health.path);
  UpstreamRequest asked(own.request);
  const std::string host = health.host.empty() ? authority_of(*upstream) : health.host;
  asked.method = "GET";
  asked.target = health.path;
  asked.host = host;
  asked.keep_alive = false;
  asked.headers.add(HeaderName::user_agent, "edge health check");
  const std::unique_ptr<UpstreamCodec> codec = codec_of(*upstream);
  Result<int> status = co_await ask(*connection, *codec, asked, health.timeout, cancellation);
  co_return status;
}

}  // namespace

HealthCheck::Probe health_probe(Loop& main, std::shared_ptr<const Upstream> upstream) {
  return [&main, upstream = std::move(upstream)](std::shared_ptr<const Server> server, Cancellation& cancellation) {
    return probe(main, upstream, std::move(server), cancellation);
  };
}

}  // namespace edge
