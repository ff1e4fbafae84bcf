// What OpenSSL keeps for each thread that uses it.
#pragma once

namespace edge {

/// Gives it back, for the calling thread: at the end of work on the thread pool, whose threads end after OpenSSL has
/// cleaned up and would leave it behind as a leak. OpenSSL may be used again afterwards, by this thread too.
void leave_tls_thread();

}  // namespace edge
