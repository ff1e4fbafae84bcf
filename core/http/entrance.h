// Entrance: one listening address of a loop: what its connections speak, and the router that their requests go by.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace edge {

class Protocol;
class Router;
class TlsSites;

/// What a connection begins with before it is one of HTTP, and whether it may be HTTP/2.
struct HttpFront {
  bool proxy_protocol = false;            // the header of the PROXY protocol, from the router's trusted proxies
  std::shared_ptr<const TlsSites> tls{};  // null: no TLS
  bool http2 = false;                     // over TLS to who asks for it, without to who begins with it
};

/// Owned by its Door, and gone when it was closed and its last connection has ended.
class Entrance {
 public:
  Entrance(std::shared_ptr<const Router> router, HttpFront front, std::shared_ptr<Protocol> protocol)
      : router_(std::move(router)), front_(std::move(front)), protocol_(std::move(protocol)) {}

  /// What new requests go by. A request that is under way keeps the one that it began with.
  const std::shared_ptr<const Router>& router() const { return router_; }
  const HttpFront& front() const { return front_; }
  /// No new connections come, and those that are here are to end when what is under way is answered.
  bool closing() const { return closing_; }

 private:
  friend class Door;
  std::shared_ptr<const Router> router_;  // never null
  HttpFront front_;
  std::shared_ptr<Protocol> protocol_;  // outlives the connections; never null
  std::size_t connections_ = 0;
  bool closing_ = false;
};

}  // namespace edge
