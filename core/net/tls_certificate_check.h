// What is wrong, or soon will be, with a certificate that could be loaded.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/tls_certificate.h"
#include "core/result.h"

namespace edge {

/// Texts for people, each beginning with the file's name.
struct CertificateCheck {
  std::vector<std::string> warnings;
};

/// Seconds for which a certificate should still hold when it is loaded.
constexpr std::int64_t kExpiresSoon = 14 * 86'400;

/// Puts the certificate of the key first and each issuer after what it issued; what is in nobody's chain comes last, as
/// it stood. A change is warned of. Error: no certificate belongs to the key.
Result<void> put_in_order(TlsCertificate& certificate, const std::string& file, CertificateCheck& check);

/// Error: a key or signature that OpenSSL's security level 2 refuses, and with it every browser: RSA below 2048 bits,
/// SHA-1.
Result<void> check_strength(const TlsCertificate& certificate, const std::string& file);

/// Warns of a chain that is expired, not yet valid or soon to expire, that lacks an intermediate, and of a leaf without
/// names. `now`: seconds since the epoch.
void check_for_clients(const TlsCertificate& certificate, const std::string& file, std::int64_t now,
                       CertificateCheck& check);

/// Warns of a chain that edge shows to servers which is expired, not yet valid or soon to expire.
void check_for_servers(const TlsCertificate& certificate, const std::string& file, std::int64_t now,
                       CertificateCheck& check);

/// A warning for each host (lower case, without brackets, or `*.example.com`) that no certificate covers. `files` say
/// which were looked at.
void check_hosts(std::span<const TlsCertificate> certificates, std::span<const std::string> hosts,
                 const std::string& files, CertificateCheck& check);

}  // namespace edge
