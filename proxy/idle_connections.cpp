// Keeping, handing out and dropping connections between two requests.
#include "proxy/idle_connections.h"

#include <algorithm>
#include <utility>

namespace edge {

void IdleConnections::put(ServerConnection::Pointer connection) {
  if (most_ == 0 || !connection->rest(*this, longest_)) return;
  if (connections_.size() == most_) connections_.erase(connections_.begin());
  connections_.push_back(std::move(connection));
  tell_count();
}

ServerConnection::Pointer IdleConnections::take(Milliseconds longest_rest) {
  while (!connections_.empty() && connections_.back()->rested() <= longest_rest) {
    ServerConnection::Pointer connection = std::move(connections_.back());
    connections_.pop_back();
    tell_count();
    if (!connection->is_quiet()) continue;
    connection->rouse();
    return connection;
  }
  return {};
}

void IdleConnections::on_server_readable(ServerConnection& connection) {
  if (!connection.is_quiet()) drop(connection);
}

void IdleConnections::drop(ServerConnection& connection) {
  const auto found = std::ranges::find(connections_, &connection, &ServerConnection::Pointer::get);
  if (found != connections_.end()) connections_.erase(found);
  tell_count();
}

void IdleConnections::clear() {
  connections_.clear();
  tell_count();
}

}  // namespace edge
