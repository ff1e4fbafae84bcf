// Request -> server -> perhaps another server -> Response.
#include "proxy/proxy_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/http/request_spool.h"
#include "core/log.h"
#include "proxy/answer_mapping.h"
#include "proxy/codec_of.h"
#include "proxy/protocol_switch.h"
#include "proxy/proxy_body.h"
#include "proxy/proxy_tunnel.h"

namespace edge {

namespace {

constexpr std::size_t kBodyInMemory = 64 * 1024;
constexpr std::string_view kRetryAfter = "1";  // seconds

bool needs_length(config::UpstreamProtocol protocol) {
  return protocol == config::UpstreamProtocol::uwsgi || protocol == config::UpstreamProtocol::fastcgi;
}

bool has_content(const Request& request, int status) {
  return request.method != Method::head && status != 204 && status != 304;
}

/// $upstream_addr: every server that was asked, as nginx lists them.
void note_server(Request& request, const Server& server) {
  if (request.upstream.address.empty()) {
    request.upstream.address = request.arena.copy(server.name());
    return;
  }
  request.upstream.address = request.arena.copy(fmt::format("{}, {}", request.upstream.address, server.name()));
}

}  // namespace

Task<Response> ProxyHandler::handle(Request& request) {
  UpstreamRequest asked(request);
  map_request(request, settings_.rules, asked);
  if (const std::string_view protocol = allowed_switch(request, settings_.upgrade); !protocol.empty()) {
    const Result<void> asks = ask_for_switch(protocol, asked);
    if (!asks) co_return refuse(request, asks.error());
  } else if (request.method == Method::connect) {
    co_return Response::of_status(request.arena, 501);
  }
  asked.has_content = !request.body.empty();
  asked.keep_alive = lane_->settings().keepalive > 0;
  const bool spools = settings_.buffer_request || (needs_length(lane_->settings().protocol) && !request.body.length());
  if (asked.has_content && !spools) {
    asked.length = request.body.length();
    const OutgoingContent streamed{.stream = &request.body};
    Response response = co_await ask_servers(request, asked, streamed);
    co_return response;
  }
  RequestSpool spool(lane_->loop(), settings_.spool_directory, kBodyInMemory);
  const Result<void> spooled = co_await spool.read(request.body);
  if (!spooled) co_return refuse(request, spooled.error());
  asked.length = spool.length();
  const OutgoingContent content{.spool = &spool};
  Response response = co_await ask_servers(request, asked, content);
  co_return response;
}

Task<Response> ProxyHandler::ask_servers(Request& request, const UpstreamRequest& asked, OutgoingContent content) {
  lane_->upstream().retries.request();
  std::string hash_key;
  lane_->settings().balance.key.render(request, hash_key);
  const StickyCookie* const sticky = lane_->upstream().sticky();
  StickyCookie::Found known;
  if (sticky) known = sticky->find(request.headers, lane_->group(), lane_->loop().unix_seconds());
  TriedServers tried;
  const std::uint64_t begun = lane_->loop().now();
  while (true) {
    const UpstreamLane::Wish wish{.tried = tried, .hash_key = hash_key, .preferred = known.server};
    Result<ServerUse> use = co_await lane_->choose(request, wish);
    if (!use) co_return refuse(request, use.error());
    tried.add(**use);
    note_server(request, **use);
    auto exchange = std::make_unique<ServerExchange>(lane_, std::move(*use), codec_of(lane_->upstream()));
    const Result<void> answered = co_await exchange->begin(asked, content);
    request.upstream.response_time = lane_->loop().now() - begun;
    if (answered) {
      const std::shared_ptr<const Server> server = exchange->server();
      Response response = answer(request, asked, std::move(exchange));
      if (sticky && (server.get() != known.server || known.is_old)) set_sticky_cookie(request, *server, response);
      co_return response;
    }
    if (!may_repeat(request, answered.error(), tried, exchange->server()->name())) {
      co_return refuse(request, answered.error());
    }
  }
}

void ProxyHandler::set_sticky_cookie(Request& request, const Server& server, Response& response) {
  const StickyCookie& sticky = *lane_->upstream().sticky();
  const std::string cookie = sticky.set_cookie(server, request.secure(), lane_->loop().unix_seconds());
  response.headers.add(HeaderName::set_cookie, request.arena.copy(cookie));
}

bool ProxyHandler::may_repeat(Request& request, const Error& error, const TriedServers& tried,
                              const std::string& server) {
  if (!error.retryable || tried.full() || tried.count() > lane_->settings().retries) return false;
  const bool others = std::ranges::any_of(lane_->group().members(), [&tried](const ServerGroup::Member& member) {
    return !member.down && !member.server->is_held_down() && !tried.has(*member.server);
  });
  if (!others || !lane_->upstream().retries.try_retry(lane_->loop().now())) return false;
  log::warn("request {}: {} {}: upstream {}, server {}: {}; another server is asked", request.id(), request.method_name,
            request.target, lane_->settings().name, server, error.context);
  return true;
}

Response ProxyHandler::answer(Request& request, const UpstreamRequest& asked,
                              std::unique_ptr<ServerExchange> exchange) {
  const UpstreamCodec::Head& head = exchange->head();
  request.upstream.status = head.status;
  if (head.status == 101) return open_tunnel(request, asked, std::move(exchange));
  if (request.method == Method::connect && head.status < 300) {
    return refuse(request, {ErrorKind::bad_gateway, Side::upstream, false,
                            fmt::format("the server does not go over to {}", asked.upgrade)});
  }
  Response response(request.arena, head.status);
  const AnswerOrders orders = map_answer(request, settings_.rules, asked, settings_.rewrite, head, response);
  if (response.redirect) return response;
  if (!has_content(request, head.status)) {
    if (head.length) response.headers.add(HeaderName::content_length, request.arena.copy(std::to_string(*head.length)));
    return response;
  }
  const std::uint64_t ahead = orders.unbuffered ? 0 : settings_.buffer_response;
  response.body = std::make_unique<ProxyBody>(std::move(exchange), ahead);
  return response;
}

Response ProxyHandler::open_tunnel(Request& request, const UpstreamRequest& asked,
                                   std::unique_ptr<ServerExchange> exchange) {
  if (const Result<void> fits = check_switch(asked, exchange->head()); !fits) return refuse(request, fits.error());
  Response response(request.arena, 101);
  map_answer(request, settings_.rules, asked, settings_.rewrite, exchange->head(), response);
  response.redirect.reset();
  if (request.method == Method::connect) response.headers.remove("Sec-WebSocket-Accept");  // RFC 8441 5
  response.body = std::make_unique<ProxyTunnel>(std::move(exchange), lane_->settings().tunnel_timeout);
  return response;
}

Response ProxyHandler::refuse(Request& request, const Error& error) {
  const LogLevel level = answer_for(error).level;
  if (level >= log::level() && !error.context.empty()) {
    const std::string_view tried = request.upstream.address;
    const std::string server = tried.empty() ? std::string() : fmt::format(", server {}", tried);
    log::write(level, "request {}: {} {}: upstream {}{}: {}", request.id(), request.method_name, request.target,
               lane_->settings().name, server, error.context);
  }
  Response response = Response::of_error(request.arena, error);
  if (response.status == 503) response.headers.add(HeaderName::retry_after, kRetryAfter);
  return response;
}

}  // namespace edge
