// What holds for every TLS session, at whichever end of it edge is.
#pragma once

struct ssl_ctx_st;

namespace edge {

/// TLS 1.2 at least, strong groups, no renegotiation, no compression, buffers only while they are needed. False: no
/// memory.
bool set_common_rules(ssl_ctx_st* context);

/// 112 bits: no RSA below 2048, no SHA-1 in signatures.
constexpr int kTlsSecurityLevel = 2;

}  // namespace edge
