// What OpenSSL says went wrong, in a person's words.
#pragma once

#include <string>

struct ssl_st;

namespace edge {

/// The first error in this thread's queue of OpenSSL, which is emptied; "unknown error" when there is none.
std::string take_tls_error();

/// Why `session` failed: what the peer lacks, what it refused, or how it broke the rules. Empties the queue.
/// `offered` is the highest version that the peer offered, as on the wire; 0 when it is not known.
std::string take_session_error(const ssl_st* session, unsigned offered);

}  // namespace edge
