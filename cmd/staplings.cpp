// One stapling a certificate whose authority answers.
#include "cmd/staplings.h"

#include <algorithm>
#include <utility>

namespace edge {

namespace {
constexpr const char* kFetched = "fetch";  // a file's answer is read anew with its certificate
}  // namespace

void Staplings::turn_to(const Certificates& certificates) {
  std::vector<Site> before = std::exchange(sites_, {});
  std::vector<std::shared_ptr<const SiteCertificates>> added;
  for (const auto& site : certificates.sites()) {
    const auto known = std::ranges::find(before, site, &Site::certificates);
    if (known == before.end()) {
      added.push_back(site);
      continue;
    }
    sites_.push_back(std::move(*known));
    before.erase(known);
  }
  for (const auto& site : added) sites_.push_back(begin(site, before));
}

Staplings::Site Staplings::begin(const std::shared_ptr<const SiteCertificates>& site, std::vector<Site>& ended) {
  Site begun{site, {}};
  for (std::size_t i = 0; i < site->subjects.size(); ++i) {
    const OcspSubject& known = site->subjects[i];
    if (!known.leaf) continue;
    OcspSubject subject{known.file, share(known.leaf.get()), share(known.issuer.get())};
    const auto staple = [context = site->context, i](std::string der) { context->staple(i, std::move(der)); };
    if (site->settings.ocsp == kFetched) {
      if (std::unique_ptr<OcspStapling> kept = take(ended, subject)) {
        kept->go_on_for(std::move(subject), staple);
        begun.staplings.push_back({i, std::move(kept)});
        continue;
      }
    }
    Result<OcspStapling::Source> source = ocsp_source(site->settings.ocsp, subject);
    if (!source) continue;  // was warned of when it was loaded
    auto stapling = std::make_unique<OcspStapling>(main_, turn_, std::move(subject), std::move(*source), staple);
    begun.staplings.push_back({i, std::move(stapling)});
  }
  return begun;
}

std::unique_ptr<OcspStapling> Staplings::take(std::vector<Site>& from, const OcspSubject& subject) {
  for (Site& site : from) {
    if (site.certificates->settings.ocsp != kFetched) continue;
    for (One& one : site.staplings) {
      const OcspSubject& known = site.certificates->subjects[one.certificate];
      if (one.stapling && is_same_subject(known, subject)) return std::move(one.stapling);
    }
  }
  return nullptr;
}

}  // namespace edge
