// Request -> server -> perhaps another server -> Response.
#include "proxy/proxy_handler.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "core/http/request_spool.h"
#include "core/log.h"
#include "proxy/answer_mapping.h"
#include "proxy/max_forwards.h"
#include "proxy/protocol_switch.h"
#include "proxy/proxy_body.h"
#include "proxy/proxy_tunnel.h"

namespace edge {

namespace {

constexpr RequestSpool::Limits kBodyInMemory{.small = 64 * 1024, .large = 1024 * 1024};
constexpr std::string_view kRetryAfter = "1";  // seconds

bool needs_length(config::UpstreamProtocol protocol) {
  return protocol == config::UpstreamProtocol::uwsgi || protocol == config::UpstreamProtocol::fastcgi;
}

bool has_content(const Request& request, int status) {
  return request.method != Method::head && status != 204 && status != 304;
}

}  // namespace

Task<Response> ProxyHandler::handle(Request& request) {
  UpstreamRequest asked(request);
  map_request(request, settings_.rules, asked);
  if (std::optional<Response> last = count_forward(request, asked)) co_return std::move(*last);
  if (const std::string_view protocol = allowed_switch(request, settings_.upgrade); !protocol.empty()) {
    const Result<void> asks = ask_for_switch(protocol, asked);
    if (!asks) co_return refuse(request, asks.error());
  } else if (request.method == Method::connect) {
    co_return Response::of_status(request.arena, 501);
  }
  asked.has_content = !request.body.empty();
  asked.keep_alive = lane().settings().keepalive > 0;
  OutgoingContent content;
  std::optional<RequestSpool> spool;
  if (asked.has_content && spools(request)) {
    spool.emplace(lane().loop(), settings_.spool_directory, kBodyInMemory);
    const Result<void> spooled = co_await spool->read(request.body);
    if (!spooled) co_return refuse(request, spooled.error());
    content.spool = &*spool;
  } else if (asked.has_content) {
    content.stream = &request.body;
  }
  asked.length = spool ? spool->length() : request.body.length();
  StickyCookie::Found known;
  const StickyCookie* const sticky = lane().upstream().sticky();
  if (sticky) known = sticky->find(request.headers, lane().group(), lane().loop().unix_seconds());
  Result<std::unique_ptr<ServerExchange>> exchange = co_await client_.ask(asked, content, known.server);
  if (!exchange) co_return refuse(request, exchange.error());
  const std::shared_ptr<const Server> server = sticky ? (*exchange)->server() : nullptr;
  Response response = answer(request, asked, std::move(*exchange));
  if (sticky && (server.get() != known.server || known.is_old)) set_sticky_cookie(request, *server, response);
  co_return response;
}

bool ProxyHandler::spools(const Request& request) const {
  return settings_.buffer_request || (needs_length(lane().settings().protocol) && !request.body.length());
}

void ProxyHandler::set_sticky_cookie(Request& request, const Server& server, Response& response) {
  const StickyCookie& sticky = *lane().upstream().sticky();
  const std::string cookie = sticky.set_cookie(server, request.secure(), lane().loop().unix_seconds());
  response.headers.add(HeaderName::set_cookie, request.arena.copy(cookie));
}

Response ProxyHandler::answer(Request& request, const UpstreamRequest& asked,
                              std::unique_ptr<ServerExchange> exchange) {
  const UpstreamCodec::Head& head = exchange->head();
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
  response.body = std::make_unique<ProxyTunnel>(std::move(exchange), lane().settings().tunnel_timeout);
  return response;
}

Response ProxyHandler::refuse(Request& request, const Error& error) {
  const LogLevel level = answer_for(error).level;
  if (level >= log::level() && !error.context.empty()) {
    const std::string_view tried = request.upstream.address;
    const std::string server = tried.empty() ? std::string() : fmt::format(", server {}", tried);
    log::write(level, "request {}: {} {}: upstream {}{}: {}", request.id(), request.method_name, request.target,
               lane().settings().name, server, error.context);
  }
  Response response = Response::of_error(request.arena, error);
  if (response.status == 503) response.headers.add(HeaderName::retry_after, kRetryAfter);
  return response;
}

}  // namespace edge
