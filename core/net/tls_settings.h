// TlsSettings: what the configuration says of one site's TLS. Plain values, no library.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace edge {

/// Two files in PEM, by absolute paths.
struct TlsCertificateFiles {
  std::string certificate;  // the chain, the leaf first
  std::string key;
  bool operator==(const TlsCertificateFiles&) const = default;
};

enum class ClientVerify : std::uint8_t {
  none,      // no certificate is asked for
  optional,  // asked for; one that is missing or wrong is told to the handlers, and not refused
  required,  // a handshake without a certificate of `client_ca` fails
};

struct TlsSettings {
  std::vector<TlsCertificateFiles> certificates{};  // of several kinds of key (ECDSA, RSA): clients differ
  bool tls12 = true;
  bool tls13 = true;
  std::string ciphers = "modern";  // "modern", "intermediate", or a list in OpenSSL's language (TLS 1.2 only)
  bool session_tickets = true;
  std::string client_ca{};  // absolute path of a PEM file; needed unless client_verify is `none`
  ClientVerify client_verify = ClientVerify::none;
  std::string ocsp{};        // empty: nothing is stapled; "fetch"; or the absolute path of an answer in DER
  bool self_signed = false;  // a certificate is made at start, for development
  bool operator==(const TlsSettings&) const = default;
};

}  // namespace edge
