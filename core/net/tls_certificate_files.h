// Loads the certificates of a site from their files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/net/tls_certificate.h"
#include "core/net/tls_certificate_check.h"
#include "core/net/tls_settings.h"
#include "core/result.h"

namespace edge {

/// Reads the chain and its key, which may stand in one file. Blocking: at start on the main thread, later on the thread
/// pool. `now`: seconds since the epoch. What clients will refuse but another day or machine may cure is added to
/// `check`, because a service must come up. Each error names the file and what to do: a file that cannot be read, is
/// not PEM, is damaged, or lacks what it is named for; files that were swapped; an encrypted key; a key of another
/// certificate; a key or signature that is too weak.
Result<TlsCertificate> load_certificate(const TlsCertificateFiles& files, std::int64_t now, CertificateCheck& check);

/// The same of a certificate that edge shows to servers: they need no names in it.
Result<TlsCertificate> load_client_certificate(const TlsCertificateFiles& files, std::int64_t now,
                                               CertificateCheck& check);

/// Every certificate of a site, in order, and a warning for each of its hosts that none of them covers. As above.
Result<std::vector<TlsCertificate>> load_certificates(std::span<const TlsCertificateFiles> files,
                                                      std::span<const std::string> hosts, std::int64_t now,
                                                      CertificateCheck& check);

}  // namespace edge
