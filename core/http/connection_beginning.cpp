// What every beginning does alike.
#include "core/http/connection_beginning.h"

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
  tear();
  return true;
}

void ConnectionBeginning::on_closed() {
  door_.closed(*this);
}

}  // namespace edge
