// Giving OpenSSL's objects back.
#include "core/net/tls_pointers.h"

#include <openssl/ssl.h>

namespace edge {

void TlsRelease::operator()(ssl_st* session) const {
  SSL_free(session);
}
void TlsRelease::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}
void TlsRelease::operator()(x509_st* certificate) const {
  X509_free(certificate);
}
void TlsRelease::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

X509Pointer share(x509_st* certificate) {
  if (certificate) X509_up_ref(certificate);
  return X509Pointer(certificate);
}

}  // namespace edge
