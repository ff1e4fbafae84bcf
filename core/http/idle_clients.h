// IdleClients: the connections of one loop on which nothing is under way, and which of them goes first when there are
// too many.
#pragma once

#include <cstdint>

#include "core/http/client_connection.h"
#include "core/intrusive_list.h"

namespace edge {

/// Owns nothing and allocates nothing. Entering, leaving and choosing take the same time however many there are.
class IdleClients {
 public:
  /// Nothing if it is in already. `now`: Loop::now().
  void enter(ClientConnection& connection, std::uint64_t now);
  void leave(ClientConnection& connection);
  /// Who has asked nothing although there was time to; else who has been idle longest since an answer. Null: neither;
  /// who has only just connected is left, for else newcomers would push out each other.
  ClientConnection* first_to_go(std::uint64_t now) const;

 private:
  using List = IntrusiveList<ClientConnection, &ClientConnection::idle_link_>;
  List& list_of(ClientConnection::Idle idle) { return idle == ClientConnection::Idle::unasked ? unasked_ : kept_; }

  List unasked_;  // each in the order in which they became idle
  List kept_;
};

}  // namespace edge
