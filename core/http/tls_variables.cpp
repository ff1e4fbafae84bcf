// Asked of the TLS stream, when somebody wants to know.
#include "core/http/tls_variables.h"

#include "core/escape.h"
#include "core/net/tls_stream.h"

namespace edge {

namespace {

/// As vars for apps have it: nothing of a certificate that no authority vouches for, but $ssl_client_verify.
std::string told_of_client(const Request& request, std::string (TlsClientCertificate::*what)() const) {
  if (!request.tls_stream) return {};
  const TlsClientCertificate certificate = request.tls_stream->client_certificate();
  return certificate.verified() ? (certificate.*what)() : std::string();
}

}  // namespace

void append_ssl_alpn_protocol(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->alpn());
}
void append_ssl_cipher(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->cipher());
}
void append_ssl_client_escaped_cert(const Request& request, std::string_view, std::string& to) {
  append_percent_encoded(told_of_client(request, &TlsClientCertificate::pem), true, to);
}
void append_ssl_client_fingerprint(const Request& request, std::string_view, std::string& to) {
  to.append(told_of_client(request, &TlsClientCertificate::fingerprint));
}
void append_ssl_client_i_dn(const Request& request, std::string_view, std::string& to) {
  to.append(told_of_client(request, &TlsClientCertificate::issuer));
}
void append_ssl_client_s_dn(const Request& request, std::string_view, std::string& to) {
  to.append(told_of_client(request, &TlsClientCertificate::subject));
}
void append_ssl_client_serial(const Request& request, std::string_view, std::string& to) {
  to.append(told_of_client(request, &TlsClientCertificate::serial));
}
void append_ssl_client_verify(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->client_certificate().verify());
}
void append_ssl_protocol(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->protocol());
}
void append_ssl_server_name(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->server_name());
}
void append_ssl_session_reused(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->resumed() ? "r" : ".");
}

}  // namespace edge
