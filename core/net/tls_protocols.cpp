// Choosing between "h2" and "http/1.1".
#include "core/net/tls_protocols.h"

#include <openssl/ssl.h>

#include <string_view>

#include "core/net/tls_hello.h"
#include "core/net/tls_sites.h"

namespace edge {

int choose_protocol(ssl_st* session, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr std::string_view kWithHttp2 = "\x02h2\x08http/1.1";
  std::string_view ours = kWithHttp2;
  if (!TlsHello::of(session).sites->http2()) ours.remove_prefix(3);
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                                           static_cast<unsigned>(ours.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace edge
