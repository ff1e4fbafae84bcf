// AuthRequest: lets those pass whom a server of an upstream lets pass.
#pragma once

#include <memory>

#include "config/snapshot.h"
#include "core/http/authorizer.h"
#include "proxy/request_mapping.h"
#include "proxy/upstream_client.h"

namespace edge {

/// One object a route and loop.
class AuthRequest final : public Authorizer {
 public:
  AuthRequest(std::shared_ptr<UpstreamLane> lane, config::AuthRequest settings);

  /// After an answer of 2xx the request has the named fields of it, and of nobody else. 401, 403 and redirects answer
  /// in the request's place; 500 whatever else comes of it, with a line in the log.
  Task<std::optional<Response>> authorize(Request& request) override;
  void take_off_claims(Request& request) const override;

 private:
  Task<Result<UpstreamCodec::Head>> ask(Request& request);
  void grant(Request& request, const HeaderList& told) const;
  Response refuse(Request& request, const Error& error) const;

  UpstreamClient client_;
  const config::AuthRequest settings_;
  const ForwardRules rules_;
};

}  // namespace edge
