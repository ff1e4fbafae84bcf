// The beginning of a request, and its wait.
#include "core/http/exchange.h"

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
  bytes_written_ = 0;
  aborted_ = false;
}

void Exchange::rest_router() {
  if (connection_ && router_ != connection_->entrance().router()) router_.reset();
}

const HttpSettings& Exchange::settings() const {
  if (request->route) return request->route->http;
  return request->site ? request->site->http : router_->first().http;
}

void Exchange::resume(Result<void> with) {
  wait_result_ = std::move(with);
  std::exchange(waiting_, nullptr).resume();
}

}  // namespace edge
