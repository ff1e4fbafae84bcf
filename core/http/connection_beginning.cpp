// What every beginning does alike.
#include "core/http/connection_beginning.h"

#include <sys/socket.h>

#include "core/http/door.h"
#include "core/net/tls_stream.h"

namespace edge {

bool ConnectionBeginning::begin(int fd) {
  if (watch(door_.loop(), fd) != 0) return false;
  loop().arm(*this, settings().header_timeout);
  set_idle(true);
  return true;
}

void ConnectionBeginning::drain() {
  if (!gone()) loop().arm(*this, kFirstRequest);
}

void ConnectionBeginning::tear() {
  if (!gone()) shut();
}

bool ConnectionBeginning::give_way() {
  char byte;
  if (::recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {  // it goes on: no turn has seen that
    set_idle(true);
    return false;
  }
  tear();
  return true;
}

void ConnectionBeginning::on_closed() {
  door_.closed(*this);
}

}  // namespace edge
