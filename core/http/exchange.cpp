// The beginning of a request, and its waits.
#include "core/http/exchange.h"

#include "core/http/access_check.h"
#include "core/http/client_guard.h"

namespace edge {

void Exchange::renew_request() {
  request.reset();
  arena_.reset();
  request.emplace(loop_, arena_, *this);
  const std::shared_ptr<const Router>& router = connection_->entrance().router();
  if (router_ != router) router_ = router;
  ConnectionInfo& info = connection_->info();
  ++info.requests;
  request->connection = &info;
  request->tls_stream = connection_->tls_stream();
  request->begun = loop_.now();
  request->interim = this;
  bytes_written_ = 0;
  aborted_ = tunnelled_ = false;
}

void Exchange::rest_router() {
  if (connection_ && router_ != connection_->entrance().router()) router_.reset();
}

const HttpSettings& Exchange::settings() const {
  if (request->route) return request->route->http;
  return request->site ? request->site->http : router_->first().http;
}

void Exchange::note_tunnel(const Response& response) {
  tunnelled_ = std::holds_alternative<std::unique_ptr<Tunnel>>(response.body);
  if (tunnelled_ && connection_->entrance().closing()) request->cancellation.request();
  end_banned_tunnel();
}

void Exchange::end_banned_tunnel() {
  if (!tunnelled_ || request->cancellation.requested() || !is_banned(*request, *router_)) return;
  router_->guard()->ended(request->client(), request->host, loop_.now());
  request->cancellation.request();
}

void Exchange::resume(For what, Result<void> with) {
  Wait* const wait = std::exchange(wait_for(what), nullptr);
  wait->result_ = std::move(with);
  wait->awaiter_.resume();
}

}  // namespace edge
