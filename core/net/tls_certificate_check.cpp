// Judges certificates as clients do, without asking anybody.
#include "core/net/tls_certificate_check.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "core/net/tls_error.h"
#include "core/net/tls_names.h"
#include "core/net/tls_pem.h"
#include "core/net/tls_x509_text.h"

namespace edge {
namespace {

constexpr int kLeastSecurityBits = 112;  // OpenSSL's security level 2

bool is_self_signed(const X509Pointer& certificate) {
  return (X509_get_extension_flags(certificate.get()) & EXFLAG_SS) != 0;
}

bool is_issued_by(const X509Pointer& certificate, const X509Pointer& issuer) {
  return X509_check_issued(issuer.get(), certificate.get()) == X509_V_OK;
}

Result<void> check_key(const X509Pointer& certificate, const std::string& file) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  if (!key) {
    return tls_failure(
        fmt::format("{}: the public key of {} cannot be used ({})", file, subject_of(certificate), take_tls_error()));
  }
  if (EVP_PKEY_get_security_bits(key) >= kLeastSecurityBits) return {};
  return tls_failure(
      fmt::format("{}: the {} key of {} has {} bits, which clients refuse; have a certificate issued for a key of "
                  "RSA 2048 or P-256",
                  file, EVP_PKEY_get0_type_name(key), subject_of(certificate), EVP_PKEY_get_bits(key)));
}

Result<void> check_signature(const X509Pointer& certificate, const std::string& file) {
  if (is_self_signed(certificate)) return {};  // nobody looks at that signature
  int digest = NID_undef;
  int bits = 0;
  if (X509_get_signature_info(certificate.get(), &digest, nullptr, &bits, nullptr) != 1) return {};
  if (bits >= kLeastSecurityBits) return {};
  return tls_failure(fmt::format("{}: {} is signed with {}, which clients refuse; have it issued again with SHA-256",
                                 file, subject_of(certificate), OBJ_nid2ln(digest)));
}

/// `judges`: "clients" or "servers".
void check_time(const X509Pointer& certificate, const std::string& file, std::int64_t now, std::string_view judges,
                CertificateCheck& check) {
  const std::int64_t from = unix_time(X509_get0_notBefore(certificate.get()));
  const std::int64_t until = unix_time(X509_get0_notAfter(certificate.get()));
  const std::string subject = subject_of(certificate);
  if (until <= now) {
    check.warnings.push_back(
        fmt::format("{}: {} has expired at {}: {} refuse it; renew it", file, subject, utc_text(until), judges));
  } else if (until - now < kExpiresSoon) {
    check.warnings.push_back(fmt::format("{}: {} expires at {}; renew it", file, subject, utc_text(until)));
  }
  if (from > now) {
    check.warnings.push_back(
        fmt::format("{}: {} is valid only from {} on: {} refuse it until then; is the clock of this machine right?",
                    file, subject, utc_text(from), judges));
  }
}

void check_times(const TlsCertificate& certificate, const std::string& file, std::int64_t now, std::string_view judges,
                 CertificateCheck& check) {
  const X509Pointer& leaf = certificate.chain.front();
  for (const X509Pointer& each : certificate.chain) {
    if (each != leaf && is_self_signed(each)) continue;  // who judges has roots of their own
    check_time(each, file, now, judges, check);
  }
}

TlsNames names_of(const X509Pointer& leaf) {
  TlsNames names;
  names.add(*leaf);
  return names;
}

void check_names(const X509Pointer& leaf, const std::string& file, CertificateCheck& check) {
  if (!names_of(leaf).empty()) return;
  check.warnings.push_back(
      fmt::format("{}: {} names no host in subjectAltName: browsers refuse it; have a certificate issued that does",
                  file, subject_of(leaf)));
}

void check_chain(const TlsCertificate& certificate, const std::string& file, CertificateCheck& check) {
  const X509Pointer& leaf = certificate.chain.front();
  if (is_self_signed(leaf)) return;
  if (certificate.chain.size() > 1 && is_issued_by(leaf, certificate.chain[1])) return;
  check.warnings.push_back(fmt::format(
      "{}: the certificate of the issuer, {}, is missing: clients that do not have it refuse the connection; "
      "append it (the file is often called fullchain or bundle)",
      file, issuer_of(leaf)));
}

std::size_t find_leaf(const TlsCertificate& certificate) {
  const auto& chain = certificate.chain;
  const auto found = std::ranges::find_if(chain, [&certificate](const X509Pointer& candidate) {
    const EVP_PKEY* key = X509_get0_pubkey(candidate.get());
    return key && EVP_PKEY_eq(key, certificate.key.get()) == 1;
  });
  return static_cast<std::size_t>(found - chain.begin());
}

}  // namespace

Result<void> put_in_order(TlsCertificate& certificate, const std::string& file, CertificateCheck& check) {
  auto& chain = certificate.chain;
  const std::size_t leaf = find_leaf(certificate);
  ERR_clear_error();
  if (leaf == chain.size()) {
    return tls_failure(
        fmt::format("{}: the key does not belong to the certificate {}; name the key that it was issued for", file,
                    subject_of(chain.front())));
  }
  const std::string first_before = subject_of(chain.front());
  bool changed = leaf != 0;
  std::rotate(chain.begin(), chain.begin() + static_cast<std::ptrdiff_t>(leaf),
              chain.begin() + static_cast<std::ptrdiff_t>(leaf) + 1);
  for (std::size_t last = 0; last + 1 < chain.size() && !is_self_signed(chain[last]); ++last) {
    const auto rest = chain.begin() + static_cast<std::ptrdiff_t>(last) + 1;
    const auto issuer = std::find_if(
        rest, chain.end(), [&chain, last](const X509Pointer& other) { return is_issued_by(chain[last], other); });
    if (issuer == chain.end()) break;
    changed = changed || issuer != rest;
    std::rotate(rest, issuer, issuer + 1);
  }
  if (!changed) return {};
  std::string order = subject_of(chain.front());
  for (std::size_t i = 1; i < chain.size(); ++i) order += ", then " + subject_of(chain[i]);
  check.warnings.push_back(fmt::format(
      "{}: the chain is out of order and begins with {}; edge sends {}: put them so, other programs need it", file,
      first_before, order));
  return {};
}

Result<void> check_strength(const TlsCertificate& certificate, const std::string& file) {
  for (const X509Pointer& each : certificate.chain) {
    const Result<void> key = check_key(each, file);
    if (!key) return key;
    const Result<void> signature = check_signature(each, file);
    if (!signature) return signature;
  }
  return {};
}

void check_for_clients(const TlsCertificate& certificate, const std::string& file, std::int64_t now,
                       CertificateCheck& check) {
  check_times(certificate, file, now, "clients", check);
  check_chain(certificate, file, check);
  check_names(certificate.chain.front(), file, check);
}

void check_for_servers(const TlsCertificate& certificate, const std::string& file, std::int64_t now,
                       CertificateCheck& check) {
  check_times(certificate, file, now, "servers", check);
}

void check_hosts(std::span<const TlsCertificate> certificates, std::span<const std::string> hosts,
                 const std::string& files, CertificateCheck& check) {
  TlsNames names;
  for (const TlsCertificate& certificate : certificates) names.add(*certificate.chain.front());
  for (const std::string& host : hosts) {
    if (names.cover(host)) continue;
    check.warnings.push_back(fmt::format(
        "{}: no certificate is for {}, a host of this site: clients refuse it there; have one issued that names it",
        files, host));
  }
}

}  // namespace edge
