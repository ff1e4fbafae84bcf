// The application protocol of a session (ALPN, RFC 7301).
#pragma once

struct ssl_st;

namespace edge {

/// OpenSSL's callback: HTTP/2 before HTTP/1.1, if the listening address offers it. A client that asks for neither is
/// refused, so that nobody can lead what was meant for another kind of server here.
int choose_protocol(ssl_st* session, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*);

}  // namespace edge
