// Certificates, versions, clients' certificates.
#include "config/tls.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace edge::config {
namespace {

void read_pair(const Section& pair, TlsSettings& to) {
  TlsCertificateFiles files;
  pair.read("certificate", files.certificate);
  pair.read("key", files.key);
  if (!pair.given("certificate")) pair.missing("certificate", "the certificate's file is missing");
  if (!pair.given("key")) pair.missing("key", "the file of the certificate's private key is missing");
  to.certificates.push_back(std::move(files));
}

void read_certificates(const Section& tls, TlsSettings& to) {
  const Node* node = tls.given("certificate");
  if (node && node->kind == Node::Kind::list) {
    if (tls.given("key")) tls.problem("key", "belongs into the list, beside its `certificate`");
    if (node->items.empty()) tls.problem("certificate", "the list is empty; expected {certificate: …, key: …}");
    for (std::size_t i = 0; i < node->items.size(); ++i) {
      const Node& item = *node->items[i];
      read_pair(Section(tls.loading(), "sites[].tls.certificate[]", item_path(tls.path_of("certificate"), i),
                        item.place, &item),
                to);
    }
  } else if (node) {
    TlsCertificateFiles files;
    tls.read("certificate", files.certificate);
    tls.read("key", files.key);
    if (!tls.given("key")) tls.missing("key", "the file of the certificate's private key is missing");
    to.certificates.push_back(std::move(files));
  } else if (tls.given("key")) {
    tls.problem("key", "is the key of no certificate; give `certificate`");
  }
}

void read_protocols(const Section& tls, TlsSettings& to) {
  if (!tls.given("protocols")) return;
  to.tls12 = to.tls13 = false;
  for (const ListedText& given : tls.texts("protocols")) {
    if (given.text == "TLSv1.2") {
      to.tls12 = true;
    } else if (given.text == "TLSv1.3") {
      to.tls13 = true;
    } else {
      tls.loading().problems.add(given.place, given.path,
                                 fmt::format("{} is not spoken; expected TLSv1.2 or TLSv1.3", quoted(given.text)));
    }
  }
  if (tls.texts("protocols").empty()) tls.problem("protocols", "the list is empty; expected TLSv1.2, TLSv1.3 or both");
}

void read_clients(const Section& tls, TlsSettings& to) {
  std::string verify = "none";
  tls.read("client_ca", to.client_ca);
  tls.read("client_verify", verify);
  to.client_verify = verify == "required"   ? ClientVerify::required
                     : verify == "optional" ? ClientVerify::optional
                                            : ClientVerify::none;
  if (to.client_verify != ClientVerify::none && !tls.given("client_ca")) {
    tls.problem("client_verify", "needs `client_ca`: the authorities whose certificates are accepted");
  }
  if (to.client_verify == ClientVerify::none && tls.given("client_ca")) {
    tls.problem("client_ca", "is used for nothing without `client_verify`; say `optional` or `required`");
  }
}

}  // namespace

std::optional<TlsSettings> load_tls(const Section& site) {
  if (!site.given("tls")) return std::nullopt;
  const Section tls = site.inner("tls", "sites[].tls");
  TlsSettings settings;
  read_certificates(tls, settings);
  tls.read("self_signed", settings.self_signed);
  if (settings.self_signed && (tls.given("certificate") || tls.given("key"))) {
    tls.problem("self_signed", "makes a certificate of its own; remove it, or `certificate` and `key`");
  } else if (!settings.self_signed && !tls.given("certificate") && !tls.given("key")) {
    tls.missing("certificate", "the certificate is missing; give `certificate` and `key`, or `self_signed: true`");
  }
  read_protocols(tls, settings);
  tls.read("ciphers", settings.ciphers);
  tls.read("session_tickets", settings.session_tickets);
  read_clients(tls, settings);
  tls.read("ocsp", settings.ocsp);
  if (settings.ocsp == "off") settings.ocsp.clear();
  if (!settings.ocsp.empty() && settings.self_signed) tls.problem("ocsp", "a self-signed certificate has no responder");
  return settings;
}

void check_tls(const Section& section, const Site& site) {
  const auto secure = std::ranges::find(site.listen, true, &Listen::tls);
  if (secure != site.listen.end() && !section.given("tls")) {
    section.loading().problems.add(secure->place, section.path_of("listen"),
                                   "speaks TLS, and the site has no certificate; give it `tls: {certificate, key}`, or "
                                   "`tls: {self_signed: true}` for development");
  } else if (secure == site.listen.end() && section.given("tls")) {
    section.problem("tls",
                    "no address of the site speaks TLS; add one such as {address: \":443\", tls: true} to `listen`");
  }
  const bool must_show = site.tls && site.tls->client_verify == ClientVerify::required;
  const auto plain = std::ranges::find(site.listen, false, &Listen::tls);
  if (must_show && plain != site.listen.end() && secure != site.listen.end() && !site.redirect_https) {
    section.loading().problems.add(plain->place, section.path_of("listen"),
                                   "without TLS nobody can be asked for the certificate that `client_verify: required` "
                                   "wants; say `redirect_https: true`, or put this address into a site of its own");
  }
  if (secure == site.listen.end() && site.redirect_https) {
    section.problem("redirect_https",
                    "no address of the site speaks TLS; add one such as {address: \":443\", tls: true} to `listen`");
  }
}

}  // namespace edge::config
