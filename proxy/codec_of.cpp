// The list of all protocols.
#include "proxy/codec_of.h"

#include "proxy/fastcgi_codec.h"
#include "proxy/http_codec.h"
#include "proxy/uwsgi_codec.h"

namespace edge {

namespace {

constexpr HeadLimits kHeadLimits{.bytes = 64 * 1024, .fields = 200};

}  // namespace

std::unique_ptr<UpstreamCodec> codec_of(const Upstream& upstream) {
  switch (upstream.settings().protocol) {
    case config::UpstreamProtocol::http:
    case config::UpstreamProtocol::https:
      return std::make_unique<HttpCodec>(kHeadLimits);
    case config::UpstreamProtocol::uwsgi:
      return std::make_unique<UwsgiCodec>(kHeadLimits);
    case config::UpstreamProtocol::fastcgi:
      break;
  }
  return std::make_unique<FastCgiCodec>(kHeadLimits, upstream.fastcgi());
}

std::string authority_of(const Upstream& upstream) {
  const config::UpstreamServer& server = upstream.settings().servers.front();
  if (server.host.empty()) return "localhost";
  const std::string host = server.host.contains(':') ? "[" + server.host + "]" : server.host;
  return host + ":" + std::to_string(server.port);
}

}  // namespace edge
