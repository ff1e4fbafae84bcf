// ProxyHandler: answers a request by a server of an upstream.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/http/handler.h"
#include "proxy/request_mapping.h"
#include "proxy/server_exchange.h"
#include "proxy/upstream_client.h"

namespace edge {

/// What a route says of its requests to servers.
struct ProxySettings {
  ForwardRules rules;
  bool buffer_request = true;
  std::uint64_t buffer_response = 1 << 20;  // bytes
  bool rewrite = true;
  std::vector<std::string> upgrade;  // protocols that clients may go over to
  std::string spool_directory;
};

/// One object a route and loop.
class ProxyHandler final : public Handler {
 public:
  ProxyHandler(std::shared_ptr<UpstreamLane> lane, ProxySettings settings)
      : client_(std::move(lane)), settings_(std::move(settings)) {}

  Task<Response> handle(Request& request) override;
  bool opens_tunnels() const override { return !settings_.upgrade.empty(); }

 private:
  bool spools(const Request& request) const;
  Response answer(Request& request, const UpstreamRequest& asked, std::unique_ptr<ServerExchange> exchange);
  Response open_tunnel(Request& request, const UpstreamRequest& asked, std::unique_ptr<ServerExchange> exchange);
  void set_sticky_cookie(Request& request, const Server& server, Response& response);
  Response refuse(Request& request, const Error& error);
  UpstreamLane& lane() const { return client_.lane(); }

  UpstreamClient client_;
  ProxySettings settings_;
};

}  // namespace edge
