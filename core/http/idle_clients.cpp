// Two queues: of those that never asked, and of those that may ask again.
#include "core/http/idle_clients.h"

#include <utility>

namespace edge {

void IdleClients::enter(ClientConnection& connection, std::uint64_t now) {
  using Idle = ClientConnection::Idle;
  if (connection.idle_ != Idle::no) return;
  connection.idle_ = connection.info_.requests == 0 ? Idle::unasked : Idle::kept;
  connection.idle_since_ = now;
  list_of(connection.idle_).push_back(connection);
}

void IdleClients::leave(ClientConnection& connection) {
  const auto idle = std::exchange(connection.idle_, ClientConnection::Idle::no);
  if (idle != ClientConnection::Idle::no) list_of(idle).remove(connection);
}

ClientConnection* IdleClients::first_to_go(std::uint64_t now) const {
  ClientConnection* const unasked = unasked_.front();
  const auto time_to_ask = static_cast<std::uint64_t>(ClientConnection::kFirstRequest.count());
  return unasked && now - unasked->idle_since_ >= time_to_ask ? unasked : kept_.front();
}

}  // namespace edge
