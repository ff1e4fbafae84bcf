// Reading certificates, and choosing who answers at an address when no name tells.
#include "cmd/certificates.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include "core/log.h"
#include "core/net/tls_certificate_files.h"
#include "core/net/tls_development.h"
#include "core/net/tls_file_state.h"
#include "core/net/tls_ocsp.h"
#include "core/net/tls_thread.h"

namespace edge {

namespace {

std::vector<std::string> files_of(const TlsSettings& settings) {
  std::vector<std::string> files;
  for (const TlsCertificateFiles& pair : settings.certificates) {
    files.push_back(pair.certificate);
    files.push_back(pair.key);
  }
  if (!settings.client_ca.empty()) files.push_back(settings.client_ca);
  if (settings.ocsp.starts_with('/')) files.push_back(settings.ocsp);
  return files;
}

}  // namespace

class Certificates::Loader {
 public:
  Loader(Certificates& to, const Certificates* before, const config::Environment& environment,
         std::vector<std::string>* broken)
      : to_(to), before_(before), environment_(environment), broken_(broken), now_(std::time(nullptr)) {}

  Result<std::shared_ptr<const SiteCertificates>> load(const config::Site& site) {
    TlsSettings settings = *site.tls;
    if (settings.self_signed) {
      Result<void> made = make_for_development(site, settings);
      if (!made) return std::unexpected(std::move(made.error()));
    }
    std::string state = tls_file_state(files_of(settings));
    if (auto known = find(settings, site.hosts, &state)) return known;
    Result<std::shared_ptr<SiteCertificates>> made = make(settings, site);
    if (!made) {
      if (auto kept = keep(settings, site, made.error())) return kept;
      return std::unexpected(std::move(made.error()));
    }
    (*made)->settings = std::move(settings);
    (*made)->hosts = site.hosts;
    (*made)->state = std::move(state);
    to_.sites_.push_back(*made);
    return made;
  }

 private:
  Result<std::shared_ptr<SiteCertificates>> make(const TlsSettings& settings, const config::Site& site) const {
    CertificateCheck check;
    Result<std::vector<TlsCertificate>> loaded = load_certificates(settings.certificates, site.hosts, now_, check);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    auto made = std::make_shared<SiteCertificates>();
    if (!settings.ocsp.empty()) staple_later(settings, *loaded, made->subjects, check);
    Result<std::shared_ptr<const TlsContext>> context = TlsContext::make(settings, std::move(*loaded));
    if (!context) return std::unexpected(std::move(context.error()));
    for (const std::string& warning : check.warnings) log::warn("{}: {}", site.tls_place.text(), warning);
    made->context = std::move(*context);
    return made;
  }

  /// `state`: null when it does not matter.
  std::shared_ptr<const SiteCertificates> find(const TlsSettings& settings, const std::vector<std::string>& hosts,
                                               const std::string* state) {
    const auto same = [&](const auto& site) {
      return site->settings == settings && site->hosts == hosts && (!state || site->state == *state);
    };
    if (const auto here = std::ranges::find_if(to_.sites_, same); here != to_.sites_.end()) return *here;
    if (!before_) return nullptr;
    const auto earlier = std::ranges::find_if(before_->sites_, same);
    if (earlier == before_->sites_.end()) return nullptr;
    to_.sites_.push_back(*earlier);
    return *earlier;
  }

  /// What was read as root, when it cannot be read any more; in a renewal, whatever served before.
  std::shared_ptr<const SiteCertificates> keep(const TlsSettings& settings, const config::Site& site,
                                               const Error& error) {
    const bool is_denied = has_denied_file(files_of(settings));
    auto kept = is_denied || broken_ ? find(settings, site.hosts, nullptr) : nullptr;
    if (kept && is_denied) {
      log::warn(
          "{}: {}; the certificate that was read before stays: let edge's user read the files, or restart edge when "
          "they have changed",
          site.tls_place.text(), error.context);
    } else if (kept) {
      broken_->push_back(site.tls_place.text() + ": " + error.context);
    }
    return kept;
  }

  /// The folder is chosen once: as another user edge would begin with another authority.
  Result<void> choose_folder() {
    if (before_ && !before_->development_.empty()) to_.development_ = before_->development_;
    if (!to_.development_.empty()) return {};
    const std::optional<std::string> data_home = environment_("XDG_DATA_HOME");
    const std::optional<std::string> home = environment_("HOME");
    Result<std::string> folder =
        development_folder(::geteuid(), data_home ? data_home->c_str() : nullptr, home ? home->c_str() : nullptr);
    if (!folder) return std::unexpected(std::move(folder.error()));
    to_.development_ = std::move(*folder);
    return {};
  }

  /// Made as root, and edge is root no more: what there is serves on.
  bool take_known_for_development(const config::Site& site, TlsSettings& settings) const {
    if (!before_) return false;
    for (const auto& known : before_->sites_) {
      if (!known->settings.self_signed || known->hosts != site.hosts) continue;
      settings.certificates = known->settings.certificates;
      return true;
    }
    return false;
  }

  Result<void> make_for_development(const config::Site& site, TlsSettings& settings) {
    if (Result<void> chosen = choose_folder(); !chosen) return chosen;
    const Result<DevelopmentCertificate> made = development_certificate(to_.development_, site.hosts, now_);
    if (!made && take_known_for_development(site, settings)) return {};
    if (!made) return std::unexpected(made.error());
    settings.certificates = {made->files};
    const bool is_known = before_ && std::ranges::any_of(before_->sites_, [&](const auto& known) {
                            return known->settings == settings && known->hosts == site.hosts;
                          });
    if (!is_known) log::info("{}: {}", site.tls_place.text(), how_to_trust(*made));
    return {};
  }

  /// What was stapled to a certificate begins with the file's answer, where there is one.
  void staple_later(const TlsSettings& settings, std::vector<TlsCertificate>& certificates,
                    std::vector<OcspSubject>& subjects, CertificateCheck& check) const {
    for (std::size_t i = 0; i < certificates.size(); ++i) {
      const std::string& file = settings.certificates[i].certificate;
      Result<OcspSubject> subject = OcspSubject::of(certificates[i], file);
      const Result<OcspStapling::Source> source =
          subject ? ocsp_source(settings.ocsp, *subject) : std::unexpected(subject.error());
      if (!source) {
        check.warnings.push_back(fmt::format("{}: no OCSP answer can be stapled: {}", file, source.error().context));
        subjects.emplace_back();
        continue;
      }
      if (settings.ocsp != "fetch") {
        Result<OcspResponse> response = read_ocsp_file(settings.ocsp, *subject, now_);
        if (response) certificates[i].ocsp_response = std::move(response->der);
        if (!response) check.warnings.push_back(response.error().context);
      }
      subjects.push_back(std::move(*subject));
    }
  }

  Certificates& to_;
  const Certificates* before_;
  const config::Environment& environment_;
  std::vector<std::string>* broken_;  // null: what cannot be used is an error
  std::int64_t now_;
};

Result<std::shared_ptr<const Certificates>> Certificates::load(const config::Snapshot& snapshot, TlsTickets& tickets,
                                                               const Certificates* before,
                                                               const config::Environment& environment,
                                                               Development development,
                                                               std::vector<std::string>* broken) {
  struct Address {
    config::Listen listen;
    std::vector<TlsSite> sites;
    std::shared_ptr<const TlsContext> first;     // who answers when nobody is named at all
    std::shared_ptr<const TlsContext> fallback;  // as in Router: the default, else the one without hosts
    bool has_default = false;
  };
  auto made = std::make_shared<Certificates>();
  Loader loader(*made, before, environment, broken);
  std::vector<Address> addresses;
  for (const config::Site& site : snapshot.sites) {
    made->by_site_.emplace_back();
    if (!site.tls || (site.tls->self_signed && development == Development::leave_out)) continue;
    Result<std::shared_ptr<const SiteCertificates>> loaded = loader.load(site);
    leave_tls_thread();
    if (!loaded) {
      loaded.error().context = site.tls_place.text() + ": " + loaded.error().context;
      return std::unexpected(std::move(loaded.error()));
    }
    made->by_site_.back() = *loaded;
    for (const config::Listen& listen : site.listen) {
      if (!listen.tls) continue;
      auto at = std::ranges::find(addresses, listen, &Address::listen);
      if (at == addresses.end()) {
        addresses.emplace_back().listen = listen;
        at = addresses.end() - 1;
        at->first = (*loaded)->context;
      }
      at->sites.push_back({site.hosts, (*loaded)->context});
      if (site.is_default || (site.hosts.empty() && !at->has_default)) at->fallback = (*loaded)->context;
      at->has_default = at->has_default || site.is_default;
    }
  }
  for (Address& address : addresses) {
    auto sites = TlsSites::make(std::move(address.sites), address.fallback ? address.fallback : address.first,
                                address.listen.http2, tickets);
    if (!sites) return std::unexpected(std::move(sites.error()));
    made->addresses_.emplace_back(address.listen, std::move(*sites));
  }
  return made;
}

std::shared_ptr<const TlsSites> Certificates::at(const config::Listen& listen) const {
  const auto found = std::ranges::find_if(addresses_, [&](const auto& address) { return address.first == listen; });
  return found == addresses_.end() ? nullptr : found->second;
}

std::shared_ptr<const TlsContext> Certificates::of_site(std::size_t index) const {
  return by_site_[index] ? by_site_[index]->context : nullptr;
}

bool Certificates::is_current() const {
  return std::ranges::all_of(sites_,
                             [](const auto& site) { return site->state == tls_file_state(files_of(site->settings)); });
}

std::vector<std::string> certificate_files(const config::Snapshot& snapshot, const UpstreamsByName& upstreams) {
  std::vector<std::string> files;
  for (const config::Site& site : snapshot.sites) {
    if (site.tls) std::ranges::copy(files_of(*site.tls), std::back_inserter(files));
  }
  for (const auto& [name, upstream] : upstreams) {
    if (upstream->tls()) std::ranges::copy(upstream->tls()->files(), std::back_inserter(files));
  }
  std::ranges::sort(files);
  const auto twice = std::ranges::unique(files);
  files.erase(twice.begin(), twice.end());
  return files;
}

}  // namespace edge
