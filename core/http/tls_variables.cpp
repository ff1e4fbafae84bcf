// Asked of the TLS stream, when somebody wants to know.
#include "core/http/tls_variables.h"

#include "core/escape.h"
#include "core/net/tls_stream.h"

namespace edge {

void append_ssl_alpn_protocol(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->alpn());
}
void append_ssl_cipher(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->cipher());
}
void append_ssl_client_escaped_cert(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) append_percent_encoded(request.tls_stream->client_certificate().pem(), true, to);
}
void append_ssl_client_fingerprint(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->client_certificate().fingerprint());
}
void append_ssl_client_i_dn(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->client_certificate().issuer());
}
void append_ssl_client_s_dn(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->client_certificate().subject());
}
void append_ssl_client_serial(const Request& request, std::string_view, std::string& to) {
  if (request.tls_stream) to.append(request.tls_stream->client_certificate().serial());
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
