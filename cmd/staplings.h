// Staplings: keeps what is stapled to the certificates in force fresh.
#pragma once

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

  /// Begins for sites that are new, goes on for those that were there, ends for the others.
  void turn_to(const Certificates& certificates);

 private:
  struct Site {
    std::shared_ptr<const SiteCertificates> certificates;
    std::vector<std::unique_ptr<OcspStapling>> staplings;
  };
  Site begin(const std::shared_ptr<const SiteCertificates>& site);

  Loop& main_;
  std::shared_ptr<OcspTurn> turn_ = std::make_shared<OcspTurn>();
  std::vector<Site> sites_;
};

}  // namespace edge
