// IdleConnections: connections to one server that wait for their next request, on one loop.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/duration.h"
#include "proxy/server.h"
#include "proxy/server_connection.h"

namespace edge {

/// One a server and loop, on the loop's thread. The one that was put last is taken first, so that those which are not
/// needed fall idle. One on which bytes or the end come is closed at once and never handed out.
class IdleConnections final : private ServerConnection::Observer {
 public:
  /// At most `most` (0: none are kept), each for at most `longest`; how many there are stands in `count`.
  IdleConnections(std::size_t most, Milliseconds longest,
                  std::shared_ptr<Server::IdleCount> count = std::make_shared<Server::IdleCount>(0))
      : most_(most), longest_(longest), count_(std::move(count)) {}
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;
  ~IdleConnections() { clear(); }

  /// One whose answer was received to its end and that the codec calls reusable. For it the oldest goes if there are
  /// too many.
  void put(ServerConnection::Pointer connection);
  /// One that is still open as far as can be known, reused() and ready for a request; null: there is none that has
  /// rested for no more than `longest_rest`.
  ServerConnection::Pointer take(Milliseconds longest_rest = Milliseconds::max());
  /// Closes all: the server is gone or no longer wanted.
  void clear();
  std::size_t size() const { return connections_.size(); }

 private:
  void on_server_readable(ServerConnection& connection) override;
  void on_server_writable(ServerConnection&) override {}
  void on_server_deadline(ServerConnection& connection) override { drop(connection); }
  void drop(ServerConnection& connection);
  void tell_count() { count_->store(static_cast<std::uint32_t>(size()), std::memory_order_relaxed); }

  std::size_t most_;
  Milliseconds longest_;
  const std::shared_ptr<Server::IdleCount> count_;
  std::vector<ServerConnection::Pointer> connections_;  // the oldest first
};

}  // namespace edge
