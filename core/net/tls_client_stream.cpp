// A client's session: what it keeps for the next, and why it does not trust a server.
#include "core/net/tls_client_stream.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

#include "core/net/tls_error.h"

namespace edge {

namespace {

TlsOutput& output_of_this_thread() {
  thread_local TlsOutput output;
  return output;
}

std::string place_of(std::string_view server_name, std::string_view where) {
  return fmt::format("{} at {}", server_name, where);
}

}  // namespace

TlsClientStream::TlsClientStream(std::shared_ptr<const TlsClientContext> context, std::string server_name,
                                 std::string_view where, int fd)
    : TlsEnd(context->session(server_name, place_of(server_name, where)), output_of_this_thread(), fd),
      context_(std::move(context)),
      server_name_(std::move(server_name)),
      place_(place_of(server_name_, where)) {
  if (!session()) return;
  SSL_set_app_data(session(), this);
  SSL_set_connect_state(session());
}

TlsClientStream::~TlsClientStream() {
  close();
}

int TlsClientStream::keep_session(ssl_st* session, ssl_session_st* given) {
  const auto& self = *static_cast<const TlsClientStream*>(SSL_get_app_data(session));
  const int size = SSL_SESSION_is_resumable(given) == 1 ? i2d_SSL_SESSION(given, nullptr) : 0;
  if (size <= 0) return 0;
  std::string written(static_cast<std::size_t>(size), '\0');
  auto* at = reinterpret_cast<unsigned char*>(written.data());
  i2d_SSL_SESSION(given, &at);
  self.context_->keep(self.place_, std::move(written));
  return 0;  // `given` stays OpenSSL's
}

std::string TlsClientStream::refusal() {
  const long verdict = SSL_get_verify_result(session());
  if (!context_->verifies() || verdict == X509_V_OK) return take_session_error(session(), 0);
  ERR_clear_error();
  const char* const why = X509_verify_cert_error_string(verdict);
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("its certificate is not for {}; set server_name to a name that it is for", server_name_);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return fmt::format("nobody who is trusted vouches for its certificate ({}); name its authority's file in ca",
                         why);
    default:
      return fmt::format("its certificate is refused: {}", why);
  }
}

}  // namespace edge
