// Entrance: one listening address of a loop: what its connections speak, and the router that their requests go by.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace edge {

class Protocol;
class Router;

/// Owned by its Door, and gone when it was closed and its last connection has ended.
class Entrance {
 public:
  Entrance(std::shared_ptr<const Router> router, Protocol& protocol)
      : router_(std::move(router)), protocol_(protocol) {}

  /// What new requests go by. A request that is under way keeps the one that it began with.
  const std::shared_ptr<const Router>& router() const { return router_; }
  /// No new connections come, and those that are here are to end when what is under way is answered.
  bool closing() const { return closing_; }

 private:
  friend class Door;
  std::shared_ptr<const Router> router_;  // never null
  Protocol& protocol_;
  std::size_t connections_ = 0;
  bool closing_ = false;
};

}  // namespace edge
