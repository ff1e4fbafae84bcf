// TlsClientCertificate: the certificate that a client has shown, and what became of it.
#pragma once

#include <string>
#include <utility>

#include "core/net/tls_pointers.h"

namespace edge {

/// Every answer is worked out when it is asked for; without a certificate they are empty.
class TlsClientCertificate {
 public:
  TlsClientCertificate(X509Pointer certificate, long verdict)
      : certificate_(std::move(certificate)), verdict_(verdict) {}

  explicit operator bool() const { return certificate_ != nullptr; }
  /// Whether an authority vouches for it. In one that none vouches for, anybody may claim to be anyone.
  bool verified() const;
  /// "SUCCESS", "FAILED:" and the reason, or "NONE", as nginx's $ssl_client_verify.
  std::string verify() const;
  std::string subject() const;      // RFC 2253, with escapes for all that is not ASCII
  std::string issuer() const;       // the same
  std::string serial() const;       // hexadecimal, upper case
  std::string fingerprint() const;  // SHA-1, hexadecimal, lower case
  std::string pem() const;          // of several lines

 private:
  X509Pointer certificate_;
  long verdict_;  // X509_V_*
};

}  // namespace edge
