// From request to answer: client -> deny/allow -> route -> limits -> guards -> handler -> fallback or redirect ->
// error page -> headers -> compression -> expires -> send -> log.
#include "core/http/pump.h"

#include "core/access_log.h"
#include "core/filters/compression.h"
#include "core/filters/error_page.h"
#include "core/filters/expires.h"
#include "core/filters/header_rules.h"
#include "core/http/access_check.h"
#include "core/http/answer_sending.h"
#include "core/http/forwarded.h"
#include "core/http/https_rules.h"
#include "core/http/internal_redirect.h"
#include "core/http/page_request.h"
#include "core/limits/admission.h"
#include "core/log.h"
#include "core/log_pace.h"

namespace edge {

namespace {

/// What holds for an answer: the route's, or the site's where no route was found.
struct Rules {
  const HttpSettings* http;
  const std::vector<HeaderRule>* headers;
  const std::vector<ErrorPage>* error_pages;
  AccessLog* access_log;
  Expires expires;
  const Limits* limits;  // null: none
};

Rules rules_for(const Request& request, const Router& router) {
  if (const Route* route = request.route) {
    return {&route->http, &route->headers, &route->error_pages, route->access_log, route->expires, route->limits.get()};
  }
  const Site& site = request.site ? *request.site : router.first();
  return {&site.http, &site.headers, &site.error_pages, site.access_log, {}, site.limits.get()};
}

/// Turns to the path that a route of files falls back to. False when that leads nowhere: a line in the log says so,
/// once a second.
bool fall_back(Request& request, const InternalRedirect& to, int fallbacks) {
  constexpr int kMostFallbacks = 10;
  const bool circle = to.text == request.path && request.site->route_for(to.text) == request.route;
  if (circle || fallbacks == kMostFallbacks) {
    thread_local LogPace circles;
    thread_local LogPace chains;
    if (!(circle ? circles : chains).lets_pass(request.loop.now())) return false;
    log::error("request {}: {} {}: `try` falls back to {} {}", request.id(), request.method_name, request.target,
               to.text, circle ? "and is not found there; add that file" : "after ten others; end it with = 404");
    return false;
  }
  request.path = to.text;
  request.query = to.query;
  request.has_query = to.has_query;
  return true;
}

/// How the log shows a request that got no answer because its client is denied.
constexpr int kClosedByDenial = 444;

void close_unanswered(Request& request, const Router& router, ResponseWriter& writer) {
  request.sent.status = kClosedByDenial;
  writer.abort();
  if (AccessLog* const log = rules_for(request, router).access_log) log->write(request);
}

/// Those that the request has not been counted by: of its route, or of the site where there is no route. Null: none.
const Limits* limits_to_ask(const Request& request) {
  if (!request.site) return nullptr;
  const Limits* const limits = request.route ? request.route->limits.get() : request.site->limits.get();
  return limits == request.limited.counted_by ? nullptr : limits;
}

bool is_too_large(const Request& request) {
  const std::optional<std::uint64_t> length = request.body.length();
  return length && *length > request.route->http.client_max_body_size;
}

/// Null when no site answers the host.
const Guards* guards_of(const Request& request) {
  if (request.route) return &request.route->guards;
  return request.site ? &request.site->guards : nullptr;
}

/// Fills in the answer of the route for request.path, or of those that it falls back to: in place, as an answer is much
/// to move from frame to frame. `by_error_page`: the request's own body is of no concern to that route.
Task<void> answer(Request& request, bool by_error_page, Response& response) {
  for (int fallbacks = 0;; ++fallbacks) {
    request.route = request.site ? request.site->route_for(request.path) : nullptr;
    if (request.route && request.route->internal && !by_error_page && fallbacks == 0) request.route = nullptr;
    if (const Limits* const limits = by_error_page ? nullptr : limits_to_ask(request)) {
      std::optional<Response> refused = co_await hold_to_limits(request, *limits);
      if (refused) {
        response = std::move(*refused);
        co_return;
      }
    }
    if (fallbacks > 0 && !by_error_page && request.route && request.route->access.denies(request.client())) {
      response = Response::of_status(request.arena, 403);
      co_return;
    }
    if (!by_error_page && request.route && is_too_large(request)) {
      response = Response::of_error(request.arena, {ErrorKind::too_large, Side::client, false, {}});
      co_return;
    }
    const Guards* const guards = guards_of(request);
    if (guards && by_error_page) take_off_claims(*guards, request);
    if (guards && guards->any() && !by_error_page) {
      std::optional<Response> refusal = co_await pass(*guards, request, fallbacks == 0);
      if (refusal) {
        response = std::move(*refusal);
        co_return;
      }
    }
    if (!request.route) {
      response = Response::of_status(request.arena, 404);
      co_return;
    }
    if (request.method == Method::connect && !request.route->handler->opens_tunnels()) {
      response = Response::of_status(request.arena, 501);
      co_return;
    }
    response = co_await request.route->handler->handle(request);
    if (request.route->handler->serves_files() && !response.is_listing) response.coding_settled = true;
    if (!response.redirect || request.site->passes_redirects) co_return;
    if (response.redirect->to != InternalRedirect::To::route) {
      response = co_await follow_redirect(request, std::move(response));
      response.coding_settled = true;  // a file as well
      co_return;
    }
    if (!fall_back(request, *response.redirect, fallbacks)) {
      response = Response::of_status(request.arena, 500);
      co_return;
    }
  }
}

/// What a client must learn from the answer itself, whatever page stands in its place.
void keep_for_client(const HeaderList& failed, HeaderList& page) {
  for (const std::string_view name :
       {"Allow", "Content-Range", "Proxy-Authenticate", "Retry-After", "WWW-Authenticate"}) {
    page.remove(name);
    for (const HeaderField& field : failed) {
      if (same_name(field.name, name)) page.add(field);
    }
  }
}

/// Without a body that is still to come: who makes it may have to make the page, and would wait for the other to end.
Response without_source(Arena& arena, Response failed) {
  if (!std::holds_alternative<std::unique_ptr<BodySource>>(failed.body)) return failed;
  Response plain = Response::of_status(arena, failed.status);
  plain.close = failed.close;
  keep_for_client(failed.headers, plain.headers);
  return plain;
}

Task<Response> make_page(Request& request, std::string_view path) {
  const PageRequest for_page(request, path);
  Response response(request.arena);
  co_await answer(request, true, response);
  co_return response;
}

void tell_of_missing(const Request& request, const ErrorPage& page, int status, int got) {
  thread_local LogPace pace;
  if (!pace.lets_pass(request.loop.now())) return;
  log::warn("request {}: {} {}: error_pages: {} for status {} is answered with status {}, so it is left out",
            request.id(), request.method_name, request.target, page.path, status, got);
}

/// The page that configuration names for the answer's status, made by the route that serves its path, with status 200
/// or that of the answer; the answer itself where there is none; where it cannot be had, the answer again, or a plain
/// one in the place of one that was still under way. An error page has no error page: there is no loop.
Task<Response> with_error_page(Request& request, const Router& router, Response failed) {
  const ErrorPage* page = error_page_for(*rules_for(request, router).error_pages, failed.status);
  if (!page || !request.site) co_return failed;
  failed = without_source(request.arena, std::move(failed));
  request.sent.status = failed.status;  // what the page says as $status
  Response response = co_await make_page(request, page->path);
  const bool has_own_status = response.status == failed.status && !response.is_plain;
  if (response.status != 200 && !has_own_status) {
    tell_of_missing(request, *page, failed.status, response.status);
    co_return failed;
  }
  response.status = failed.status;
  response.reason = failed.reason;
  response.close = failed.close;
  for (const HeaderName name : {HeaderName::etag, HeaderName::last_modified, HeaderName::accept_ranges}) {
    response.headers.remove(name);
  }
  keep_for_client(failed.headers, response.headers);
  co_return response;
}

void log_failure(Request& request, const Error& error) {
  const LogLevel level = answer_for(error).level;
  if (level < log::level()) return;
  log::write(level, "request {}: {} {}: {}", request.id(), request.method_name, request.target, error.context);
}

Task<void> send_and_log(Request& request, const Router& router, ResponseWriter& writer, Response& response) {
  const Rules rules = rules_for(request, router);
  apply_header_rules(*rules.headers, request, response);
  if (rules.http->compress) compress_answer(*rules.http->compress, request, response);
  apply_expires(rules.expires, request.loop, response);
  request.sent.status = response.status;
  request.sent.headers = &response.headers;
  SendProgress progress;
  Result<void> sent;
  if (rules.limits && rules.limits->bandwidth()) {
    sent = co_await send_paced(request, response, *rules.limits, writer, progress);
  } else if (!send_at_once(request, response, writer, progress)) {
    sent = co_await send_rest(request, response, writer, progress);
  }
  if (sent) {
    writer.finish(trailers_of(response));
  } else if (progress.head_sent || sent.error().kind == ErrorKind::closed) {
    if (sent.error().kind != ErrorKind::closed) log_failure(request, sent.error());
    if (!progress.head_sent) request.sent.status = 499;
    writer.abort();
  } else {
    log_failure(request, sent.error());
    Response failure = Response::of_error(request.arena, sent.error());
    apply_header_rules(*rules.headers, request, failure);
    request.sent.status = failure.status;
    const auto page = std::get<std::string_view>(failure.body);
    writer.write_head(failure, page.size(), request.method != Method::head);
    Result<void> written;
    if (request.method != Method::head && !writer.try_write(page)) written = co_await writer.write(page);
    if (request.method != Method::head && written) request.sent.body_bytes = page.size();
    written ? writer.finish(nullptr) : writer.abort();
    request.sent.headers = nullptr;
  }
  request.sent.bytes = writer.bytes_written();
  if (rules.access_log) rules.access_log->write(request);
  count_for_bans(request, router);
  request.sent.headers = nullptr;
}

}  // namespace

Task<void> serve(Request& request, const Router& router, ResponseWriter& writer) {
  if (const TrustedProxies* trusted = router.trusted_proxies()) believe_forwarded(request, *trusted);
  request.site = router.site_for(request.host);
  const Denial denial = denial_of(request, router);
  if (denial == Denial::close) {
    close_unanswered(request, router, writer);
    co_return;
  }
  if (denial == Denial::answer) {
    Response response = Response::of_status(request.arena, 403);
    response.close = !request.body.empty();  // nobody reads it
    Response page = co_await with_error_page(request, router, std::move(response));
    co_await send_and_log(request, router, writer, page);
    co_return;
  }
  if (request.path == "*") {  // OPTIONS *: the server as a whole is asked, and it is here
    Response empty(request.arena, 204);
    co_await send_and_log(request, router, writer, empty);
    co_return;
  }
  if (std::optional<Response> settled = answer_by_https_rules(request)) {
    co_await send_and_log(request, router, writer, *settled);
    co_return;
  }
  Response response(request.arena);
  co_await answer(request, false, response);
  if (response.status >= 400) {
    Response page = co_await with_error_page(request, router, std::move(response));
    co_await send_and_log(request, router, writer, page);
    co_return;
  }
  co_await send_and_log(request, router, writer, response);
}

Task<void> refuse(Request& request, const Router& router, ResponseWriter& writer, Error error) {
  if (const TrustedProxies* trusted = router.trusted_proxies()) believe_forwarded(request, *trusted);
  log_failure(request, error);
  request.site = &router.first();
  Response response = Response::of_error(request.arena, error);
  response.close = true;
  if (is_misdirected(request)) {  // nor is it let in to where the page comes from
    co_await send_and_log(request, router, writer, response);
    co_return;
  }
  Response page = co_await with_error_page(request, router, std::move(response));
  co_await send_and_log(request, router, writer, page);
}

}  // namespace edge
