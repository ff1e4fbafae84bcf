// OpenSSL's state of a thread is its queue of errors and its source of random numbers.
#include "core/net/tls_thread.h"

#include <openssl/crypto.h>

namespace edge {

void leave_tls_thread() {
  OPENSSL_thread_stop();
}

}  // namespace edge
