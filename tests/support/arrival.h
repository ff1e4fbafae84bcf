// What the kernel has not delivered yet, waited for without a loop.
#pragma once

#include <poll.h>

namespace edge::test {

/// Whether something comes to the descriptor within five seconds: bytes, a client or the end. Nothing is taken of it.
inline bool comes(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, 5'000) == 1;
}

}  // namespace edge::test
