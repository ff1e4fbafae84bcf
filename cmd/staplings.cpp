// One stapling a certificate whose authority answers.
#include "cmd/staplings.h"

#include <algorithm>
#include <utility>

namespace edge {

void Staplings::turn_to(const Certificates& certificates) {
  std::vector<Site> next;
  for (const auto& site : certificates.sites()) {
    const auto known = std::ranges::find(sites_, site, &Site::certificates);
    next.push_back(known == sites_.end() ? begin(site) : std::move(*known));
  }
  sites_ = std::move(next);
}

Staplings::Site Staplings::begin(const std::shared_ptr<const SiteCertificates>& site) {
  Site begun{site, {}};
  for (std::size_t i = 0; i < site->subjects.size(); ++i) {
    const OcspSubject& subject = site->subjects[i];
    if (!subject.leaf) continue;
    Result<OcspStapling::Source> source = ocsp_source(site->settings.ocsp, subject);
    if (!source) continue;  // was warned of when it was loaded
    const auto staple = [context = site->context, i](std::string der) { context->staple(i, std::move(der)); };
    begun.staplings.push_back(std::make_unique<OcspStapling>(
        main_, turn_, OcspSubject{subject.file, share(subject.leaf.get()), share(subject.issuer.get())},
        std::move(*source), staple));
  }
  return begun;
}

}  // namespace edge
