// Certificates: the TLS of a snapshot's sites, made once for all loops.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cmd/upstreams.h"
#include "config/load.h"
#include "config/snapshot.h"
#include "core/net/tls_context.h"
#include "core/net/tls_ocsp_response.h"
#include "core/net/tls_settings.h"
#include "core/net/tls_sites.h"
#include "core/result.h"

namespace edge {

/// What may be done besides reading.
enum class Development : std::uint8_t { make, leave_out };

/// What one site shows to clients. Immutable, but for what is stapled to it.
struct SiteCertificates {
  TlsSettings settings;
  std::vector<std::string> hosts;
  std::string state;  // of its files when they were read: changed files have another
  std::shared_ptr<const TlsContext> context;
  std::vector<OcspSubject> subjects;  // by certificate; empty where nothing is stapled
};

/// Immutable; shared by the loops. A site whose settings and files are what they were keeps its context, so sessions
/// resume across reloads.
class Certificates {
 public:
  /// Blocks: reads files, and may make a certificate for development. `before` may be null. An error names the place in
  /// the site file. Warnings are logged for what was read anew. What edge may not read any more since it has given up
  /// the rights of root stays as it is, with a warning. With `broken`, what cannot be used and served before stays too,
  /// and why is added there; without, it is an error.
  static Result<std::shared_ptr<const Certificates>> load(const config::Snapshot& snapshot, TlsTickets& tickets,
                                                          const Certificates* before,
                                                          const config::Environment& environment,
                                                          Development development = Development::make,
                                                          std::vector<std::string>* broken = nullptr);

  /// Null for an address that does not speak TLS.
  std::shared_ptr<const TlsSites> at(const config::Listen& listen) const;
  /// Of the site at that place in the snapshot; null when it has none.
  std::shared_ptr<const TlsContext> of_site(std::size_t index) const;
  const std::vector<std::shared_ptr<const SiteCertificates>>& sites() const { return sites_; }
  /// Whether the files are those that were read. Blocking for microseconds.
  bool is_current() const;

 private:
  class Loader;
  std::string development_;  // folder of the authority for development; empty: none was needed
  std::vector<std::shared_ptr<const SiteCertificates>> sites_;    // each once
  std::vector<std::shared_ptr<const SiteCertificates>> by_site_;  // beside the snapshot's sites; null: none
  std::vector<std::pair<config::Listen, std::shared_ptr<const TlsSites>>> addresses_;
};

/// The files whose change means that certificates are to be read again.
std::vector<std::string> certificate_files(const config::Snapshot& snapshot, const UpstreamsByName& upstreams);

}  // namespace edge
