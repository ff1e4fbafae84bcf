// Choosing, asking, and whether another server is asked.
#include "proxy/upstream_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/log.h"

namespace edge {

namespace {

/// $upstream_addr: every server that was asked, as nginx lists them.
void note_server(Request& request, const Server& server) {
  if (request.upstream.address.empty()) {
    request.upstream.address = request.arena.copy(server.name());
    return;
  }
  request.upstream.address = request.arena.copy(fmt::format("{}, {}", request.upstream.address, server.name()));
}

}  // namespace

Task<Result<std::unique_ptr<ServerExchange>>> UpstreamClient::ask(const UpstreamRequest& asked, OutgoingContent content,
                                                                  const Server* preferred) const {
  Request& request = asked.client;
  lane_->upstream().retries.request();
  std::string hash_key;
  lane_->settings().balance.key.render(request, hash_key);
  TriedServers tried;
  const std::uint64_t begun = lane_->loop().now();
  while (true) {
    const UpstreamLane::Wish wish{.tried = tried, .hash_key = hash_key, .preferred = preferred};
    ServerUse use = lane_->try_choose(request, wish);
    if (!use) {
      Result<ServerUse> later = co_await lane_->choose(request, wish);
      if (!later) co_return std::unexpected(std::move(later.error()));
      use = std::move(*later);
    }
    tried.add(*use);
    note_server(request, *use);
    auto exchange = std::make_unique<ServerExchange>(lane_, std::move(use));
    Result<void> answered = co_await exchange->begin(asked, content);
    if (!answered && exchange->may_begin_anew()) answered = co_await exchange->begin_anew(asked, content);
    request.upstream.response_time = lane_->loop().now() - begun;
    if (answered) {
      request.upstream.status = exchange->head().status;
      co_return exchange;
    }
    if (!may_repeat(request, answered.error(), tried, exchange->server()->name())) {
      co_return std::unexpected(answered.error());
    }
  }
}

bool UpstreamClient::may_repeat(const Request& request, const Error& error, const TriedServers& tried,
                                const std::string& server) const {
  if (error.kind == ErrorKind::closed) return false;  // nobody waits for the answer
  if (!error.retryable || tried.full() || tried.count() > lane_->settings().retries) return false;
  const bool others = std::ranges::any_of(lane_->group().members(), [&tried](const ServerGroup::Member& member) {
    return !member.down && !member.server->is_held_down() && !tried.has(*member.server);
  });
  if (!others || !lane_->upstream().retries.try_retry(lane_->loop().now())) return false;
  log::warn("request {}: {} {}: upstream {}, server {}: {}; another server is asked", request.id(), request.method_name,
            request.target, lane_->settings().name, server, error.context);
  return true;
}

}  // namespace edge
