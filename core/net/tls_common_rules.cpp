// Options of OpenSSL that servers' and clients' sessions share.
#include "core/net/tls_common_rules.h"

#include <openssl/ssl.h>

namespace edge {

namespace {

/// In the order in which they are offered; Mozilla's.
constexpr const char* kGroups = "X25519:P-256:P-384";

}  // namespace

bool set_common_rules(ssl_ctx_st* context) {
  // A client that only ends its sending may still want its answer: not an error (SSL_OP_IGNORE_UNEXPECTED_EOF).
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 && SSL_CTX_set1_groups_list(context, kGroups) == 1;
}

}  // namespace edge
