// Issues certificates for development: an authority, and what it signs for a site.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/net/tls_pointers.h"
#include "core/result.h"

namespace edge {

struct IssuedCertificate {
  X509Pointer certificate;
  KeyPointer key;  // P-256

  /// PEM. Whoever can read the second can be whoever the certificate is for.
  std::string certificate_pem() const;
  std::string key_pem() const;
};

/// Of ten years, to sign certificates of servers and nothing else. Not constrained to some names: a site in development
/// may have any. `name` is cut at 64 bytes, the most that a common name may have. `now`: seconds since the epoch.
/// Errors: what OpenSSL says, for instance without random numbers.
Result<IssuedCertificate> issue_authority(std::string name, std::int64_t now);

/// Of 90 days, less where the authority ends before. `hosts`: names, `*.` names and addresses. As above.
Result<IssuedCertificate> issue_site_certificate(std::span<const std::string> hosts, const IssuedCertificate& authority,
                                                 std::int64_t now);

}  // namespace edge
