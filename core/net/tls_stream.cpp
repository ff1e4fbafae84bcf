// A server's session, and what is told of its client.
#include "core/net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

#include "core/net/tls_error.h"

namespace edge {

TlsStream::TlsStream(std::shared_ptr<const TlsSites> sites, TlsOutput& output, int fd)
    : TlsEnd(sites->session(), output, fd) {
  hello_.sites = std::move(sites);
  if (!session()) return;
  hello_.attach(session());
  SSL_set_accept_state(session());
}

TlsStream::~TlsStream() {
  close();
}

std::string TlsStream::refusal() {
  if (!hello_.site && hello_.offered != 0) {
    ERR_clear_error();
    if (hello_.server_name.empty()) return "the client names no site, and none is for that";
    return "no site is called " + hello_.server_name;
  }
  return take_session_error(session(), hello_.offered);
}

TlsClientCertificate TlsStream::client_certificate() const {
  return {X509Pointer(SSL_get1_peer_certificate(session())), SSL_get_verify_result(session())};
}

}  // namespace edge
