// Certificates for development: `self_signed` sites get one from an authority that lives on this machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/net/tls_settings.h"
#include "core/result.h"

namespace edge {

/// Where the authority lives: `$XDG_DATA_HOME/edge/development`, or `~/.local/share/edge/development`; root's is
/// `/var/lib/edge/development`. `data_home` and `home` are these variables of the environment, or null; what is not
/// absolute counts for nothing. Error: neither is of use.
Result<std::string> development_folder(uid_t user, const char* data_home, const char* home);

struct DevelopmentCertificate {
  TlsCertificateFiles files;       // the chain and its key, both in one file
  std::string authority;           // the file of the authority's certificate
  std::vector<std::string> hosts;  // that it is for
};

/// The certificate for `hosts` (none: localhost and what leads to this machine), made when there is none that still
/// holds for 30 days, and the authority with it when there is none. Blocking: for some milliseconds, and up to ten
/// seconds while another edge makes its own. The folder becomes this user's alone (mode 0700), its files have mode
/// 0600 and are replaced whole. `now`: seconds since the epoch. Errors name the path: it cannot be made or written, it
/// belongs to another user, or the authority there is broken or has expired, and what to remove.
Result<DevelopmentCertificate> development_certificate(const std::string& folder, std::span<const std::string> hosts,
                                                       std::int64_t now);

/// How to make browsers and programs trust it; some lines for people.
std::string how_to_trust(const DevelopmentCertificate& certificate);

}  // namespace edge
