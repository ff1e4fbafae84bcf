// Staplings: keeps what is stapled to the certificates in force fresh.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "cmd/certificates.h"
#include "core/net/loop.h"
#include "core/net/tls_ocsp.h"

namespace edge {

/// On the main loop's thread.
class Staplings {
 public:
  explicit Staplings(Loop& main) : main_(main) {}

  /// Begins for sites that are new, goes on for those that were there, ends for the others. A fetched answer outlives
  /// its site where another shows the same certificate, as when only one of several was renewed.
  void turn_to(const Certificates& certificates);

 private:
  struct One {
    std::size_t certificate;  // of the site
    std::unique_ptr<OcspStapling> stapling;
  };
  struct Site {
    std::shared_ptr<const SiteCertificates> certificates;
    std::vector<One> staplings;
  };
  Site begin(const std::shared_ptr<const SiteCertificates>& site, std::vector<Site>& ended);
  static std::unique_ptr<OcspStapling> take(std::vector<Site>& from, const OcspSubject& subject);

  Loop& main_;
  std::shared_ptr<OcspTurn> turn_ = std::make_shared<OcspTurn>();
  std::vector<Site> sites_;
};

}  // namespace edge
