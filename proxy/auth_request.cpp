// The question, and what becomes of its answer.
#include "proxy/auth_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "core/http/claimed_fields.h"
#include "core/http/conditions.h"
#include "core/http/path.h"
#include "core/log.h"
#include "proxy/codec_of.h"
#include "proxy/question.h"

namespace edge {

namespace {

constexpr std::uint64_t kMostContent = 64 * 1024;  // that is read so that the connection can be kept
constexpr std::string_view kContentFields = "Content-";

/// What the client has sent, but for what concerns content that the question has none of, or an answer that is not
/// the client's.
HeaderList asking_fields(const HeaderList& headers) {
  HeaderList fields(headers.arena());
  for (const HeaderField& field : without_conditions(headers)) {
    if (!same_name(field.name.substr(0, kContentFields.size()), kContentFields)) fields.add(field);
  }
  return fields;
}

/// In place of what the client says under these names. `target`: as edge has understood it, so that nobody is asked
/// about another path than the one that the route was chosen by.
void tell_of(const Request& request, std::string_view target, HeaderList& to) {
  const std::string_view host = request.headers.get(HeaderName::host);
  const std::string url = fmt::format("{}://{}{}", request.scheme(), host, target);
  const std::array<std::pair<std::string_view, std::string_view>, 5> fields = {{
      {"X-Forwarded-Method", request.method_name},
      {"X-Forwarded-Uri", target},
      {"X-Original-Method", request.method_name},
      {"X-Original-URI", target},
      {"X-Original-URL", request.arena.copy(url)},
  }};
  for (const auto& [name, value] : fields) {
    to.remove(name);
    to.add(name, value);
  }
}

Task<void> read_rest(ServerExchange& exchange) {
  if (exchange.head().length.value_or(0) > kMostContent) co_return;
  for (std::uint64_t size = 0; size <= kMostContent && !exchange.complete();) {
    const Result<std::string_view> piece = co_await exchange.more();
    if (!piece || piece->empty()) co_return;
    size += piece->size();
  }
}

bool is_for_client(const UpstreamCodec::Head& told) {
  constexpr std::array kRedirects = {301, 302, 303, 307, 308};
  if (told.status == 401 || told.status == 403) return true;
  return std::ranges::find(kRedirects, told.status) != kRedirects.end() && told.headers.find(HeaderName::location);
}

Response passed_on(Request& request, const UpstreamCodec::Head& told) {
  Response response = Response::of_status(request.arena, told.status);
  for (const HeaderField& field : told.headers) {
    const bool passes = field.id == HeaderName::location || field.id == HeaderName::set_cookie ||
                        field.id == HeaderName::cache_control || same_name(field.name, "WWW-Authenticate");
    if (passes) response.headers.add(field);
  }
  return response;
}

void add_of_name(const HeaderList& from, std::string_view name, HeaderList& to) {
  for (const HeaderField& field : from) {
    if (same_name(field.name, name)) to.add(field);
  }
}

Error client_gone() {
  return {ErrorKind::closed, Side::client, false, {}};
}

ForwardRules rules_for(const Upstream& upstream) {
  RoutePath everything;
  everything.path = "/";
  return {TargetMapping(everything, std::nullopt), std::nullopt, {}, authority_of(upstream)};
}

}  // namespace

AuthRequest::AuthRequest(std::shared_ptr<UpstreamLane> lane, config::AuthRequest settings)
    : client_(std::move(lane)), settings_(std::move(settings)), rules_(rules_for(client_.lane().upstream())) {}

Task<std::optional<Response>> AuthRequest::authorize(Request& request) {
  if (request.cancellation.requested()) co_return Response::of_error(request.arena, client_gone());
  const Result<UpstreamCodec::Head> told = co_await ask(request);
  if (!told) co_return refuse(request, told.error());
  if (told->status >= 200 && told->status < 300) {
    grant(request, told->headers);
    co_return std::nullopt;
  }
  if (is_for_client(*told)) co_return passed_on(request, *told);
  co_return refuse(request, {ErrorKind::bad_gateway, Side::upstream, false,
                             fmt::format("status {} is neither 2xx, 401, 403 nor a redirect", told->status)});
}

Task<Result<UpstreamCodec::Head>> AuthRequest::ask(Request& request) {
  Question question(request, settings_.timeout);
  Request& own = question.request();
  const Result<Target> target = parse_target(settings_.uri, own.arena);
  if (!target) co_return std::unexpected(target.error());
  own.target = settings_.uri;
  own.path = target->path;
  own.query = target->query;
  own.has_query = target->has_query;
  own.headers = asking_fields(request.headers);
  UpstreamRequest asked(own);
  map_request(own, rules_, asked);
  asked.keep_alive = client_.lane().settings().keepalive > 0;
  tell_of(request, rules_.mapping.target(request, request.arena), asked.headers);
  const OutgoingContent nothing;
  const Result<std::unique_ptr<ServerExchange>> exchange = co_await client_.ask(asked, nothing, nullptr);
  if (exchange) {
    UpstreamCodec::Head told = (*exchange)->head();
    co_await read_rest(**exchange);
    if (request.cancellation.requested()) co_return std::unexpected(client_gone());
    co_return told;
  }
  Error error = exchange.error();
  if (question.timed_out()) {
    error = {ErrorKind::timed_out, Side::upstream, false,
             fmt::format("no answer within {} ms", settings_.timeout.count())};
  }
  if (!own.upstream.address.empty()) error.context = fmt::format("server {}: {}", own.upstream.address, error.context);
  co_return std::unexpected(std::move(error));
}

/// All that a client claims goes first, so that a field which the answer lacks is one that the request lacks.
void AuthRequest::take_off_claims(Request& request) const {
  if (!settings_.user.empty()) forget_claims(request.headers, settings_.user);
  for (const std::string& name : settings_.headers) forget_claims(request.headers, name);
  for (const std::string& name : settings_.headers) add_of_name(request.vouched, name, request.headers);
}

void AuthRequest::grant(Request& request, const HeaderList& told) const {
  for (const std::string& name : settings_.headers) {
    request.vouched.remove(name);
    add_of_name(told, name, request.vouched);
  }
  take_off_claims(request);
  if (settings_.user.empty()) return;
  const HeaderField* const user = told.find(settings_.user);
  if (!user || user->value.empty()) return;
  request.user = user->value;
  request.auth_type = "auth_request";
}

Response AuthRequest::refuse(Request& request, const Error& error) const {
  if (error.kind == ErrorKind::closed) return Response::of_error(request.arena, error);
  log::error("request {}: {} {}: auth_request: upstream {}: {}; answered 500", request.id(), request.method_name,
             request.target, settings_.upstream, error.context);
  return Response::of_status(request.arena, 500);
}

}  // namespace edge
