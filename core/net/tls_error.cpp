// Turning OpenSSL's reason codes into text.
#include "core/net/tls_error.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace edge {

namespace {

constexpr int kFirstAlert = 1000;  // a reason above this is an alert that the peer sent (openssl/sslerr.h)
constexpr int kLastAlert = kFirstAlert + 255;

std::string version_name(unsigned version) {
  switch (version) {
    case SSL3_VERSION:
      return "SSL 3.0";
    case TLS1_VERSION:
      return "TLS 1.0";
    case TLS1_1_VERSION:
      return "TLS 1.1";
    case TLS1_2_VERSION:
      return "TLS 1.2";
    case TLS1_3_VERSION:
      return "TLS 1.3";
    default:
      return fmt::format("version {:#06x}", version);
  }
}

std::string reason_text(unsigned long code) {
  const char* const text = ERR_reason_error_string(code);
  return text ? text : fmt::format("error {:#x}", code);
}

/// The first error of the protocol; before it may stand what a cipher had to say, which tells a person less.
unsigned long most_telling() {
  const unsigned long first = ERR_get_error();
  for (unsigned long code = first; code != 0; code = ERR_get_error()) {
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) return code;
  }
  return first;
}

}  // namespace

std::string take_tls_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  return code == 0 ? "unknown error" : reason_text(code);
}

std::string take_session_error(const ssl_st* session, unsigned offered) {
  const unsigned long code = most_telling();
  ERR_clear_error();
  const int reason = ERR_GET_REASON(code);
  if (code == 0) return "unknown error";
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return reason_text(code);
  const bool is_server = SSL_is_server(session) == 1;
  if (reason > kFirstAlert && reason <= kLastAlert) {
    const char* const what = reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED  // which OpenSSL calls unknown
                                 ? "certificate required"
                                 : SSL_alert_desc_string_long(reason - kFirstAlert);
    return fmt::format("the {} refused: {}", is_server ? "client" : "server", what);
  }
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return offered == 0 ? "unsupported protocol" : fmt::format("unsupported protocol ({})", version_name(offered));
    case SSL_R_NO_SHARED_CIPHER:
      return "no shared cipher";
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return "no shared application protocol (ALPN)";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "client certificate missing";
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return fmt::format("{} certificate refused: {}", is_server ? "client" : "server",
                         X509_verify_cert_error_string(SSL_get_verify_result(session)));
    default:
      return reason_text(code);
  }
}

}  // namespace edge
